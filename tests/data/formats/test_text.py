"""Encodings: found for files as a whole, given by a key, or in doubt; never guessed row by row."""

from pathlib import Path

import pytest

from chainrule.data.formats import text
from chainrule.system.errors import DataError

ROWS = {
    "zh": ["这家酒店的房间很干净，服务也很好。", "早餐太差了，以后不会再来。", "交通方便，价格便宜。"],
    "zh-tw": ["這部電影真的很有趣。", "房間很髒，不會再來了。", "服務人員很親切，餐點也很好吃。"],
    "ja": ["この映画は本当に面白かったです。", "部屋がとても汚い。", "店員の対応が親切でした。"],
    "ko": ["이 영화는 정말 재미있었습니다.", "방이 너무 더러워요.", "직원들이 친절합니다."],
    "ru": ["Этот фильм был действительно интересным.", "Номер был очень грязный.", "Персонал вежливый."],
    "fr": [
        "Ce film était vraiment très intéressant.",
        "La chambre était sale.",
        "Le personnel est aimable et la cuisine délicieuse.",
    ],
    "de": ["Das Zimmer war schön und groß.", "Das Frühstück ließ zu wünschen übrig.", "Wir kämen gern zurück."],
}
ENCODINGS = [
    *(("zh", name) for name in ("gbk", "gb18030")),
    ("zh-tw", "big5"),
    *(("ja", name) for name in ("shift_jis", "euc_jp", "iso2022_jp")),
    *(("ko", name) for name in ("euc_kr", "cp949")),
    *(("ru", name) for name in ("cp1251", "koi8_r", "iso8859_5")),
    *((language, name) for language in ("fr", "de") for name in ("cp1252", "latin_1")),
    *(("ja", name) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")),
]


def table(language: str, times: int) -> str:
    return "text,label\n" + "".join(f"{row},{at % 2}\n" for at, row in enumerate(ROWS[language] * times))


def read(data: bytes, given: str | None = None) -> text.Text:
    return text.decoded({"rows.csv": data}, given, "source.encoding")["rows.csv"]


@pytest.mark.parametrize("times", [1, 6, 400], ids=["3 rows", "18 rows", "1,200 rows"])
@pytest.mark.parametrize(("language", "encoding"), ENCODINGS)
def test_the_encoding_of_a_whole_file_is_found(language: str, encoding: str, times: int) -> None:
    whole = table(language, times)
    assert read(whole.encode(encoding)).text == whole


def test_what_is_found_is_said_by_the_name_that_the_key_takes() -> None:
    found = read(table("zh", 6).encode("gbk"))
    assert found.encoding == "gb18030"
    assert read(table("zh", 6).encode("gbk"), found.encoding) == found
    assert read(table("fr", 6).encode("latin-1")).encoding == "cp1252", "the usual one of those that read alike"


def test_a_few_quotes_and_dashes_of_windows_are_enough() -> None:
    assert read("it\u2019s good \u2013 really,1\nbad,0\n".encode("cp1252")).text.startswith(
        "it\u2019s good \u2013 really"
    )


@pytest.mark.parametrize(
    ("data", "candidates"),
    [
        ("été,1\n".encode("latin-1"), ["cp1250"]),
        (table("ru", 6).encode("cp866"), ["cp866", "cp1251"]),
        (table("zh", 6).encode("gbk") + b"\xff\xff,1\n", ["gb18030"]),
        (table("zh", 6).encode("gbk") + table("zh", 6).encode(), ["utf-8", "gb18030"]),
    ],
    ids=["too little", "of DOS", "damaged", "two in one"],
)
def test_a_doubtful_one_stops_with_one_line_that_names_file_candidates_and_key(
    data: bytes, candidates: list[str]
) -> None:
    with pytest.raises(DataError, match=r"^rows\.csv: .*source\.encoding") as error:
        read(data)
    assert "\n" not in str(error.value)
    assert all(candidate in str(error.value) for candidate in candidates)


def test_a_given_encoding_is_taken_and_what_is_not_in_it_is_marked_and_kept() -> None:
    good, broken = table("zh", 6).encode("gbk"), b"\xff\xff,1\n"
    lines = read(good + broken, "gbk").text.splitlines()
    assert lines[:-1] == table("zh", 6).splitlines()
    assert text.problem(lines[-2], "gbk") is None
    assert text.problem(lines[-1], "gbk") == "undecodable_text: not gbk (bytes ff ff)"
    assert text.as_found(lines[-1]) == b"\xff\xff,1"


def test_damaged_lines_of_a_file_in_utf8_are_marked_and_the_others_read() -> None:
    lines = read(table("zh", 6).encode() + "é,1\n".encode("latin-1")).text.splitlines()
    assert [text.problem(line, "utf-8") for line in lines][-2:] == [None, "undecodable_text: not utf-8 (bytes e9)"]


def test_files_of_one_source_are_judged_together_unless_they_say_what_they_are() -> None:
    short = "été\n".encode("cp1252")
    with pytest.raises(DataError, match="too little"):
        text.decoded({"b": short}, None, "source.encoding")
    contents = {"a": table("fr", 30).encode("cp1252"), "b": short, "c": "été\n".encode()}
    found = text.decoded(contents, None, "source.encoding")
    assert [each.encoding for each in found.values()] == ["cp1252", "cp1252", "utf-8"]
    assert (found["b"].text, found["c"].text) == ("été\n", "été\n")


def test_a_mark_in_the_file_goes_before_what_is_given() -> None:
    assert read("да\n".encode("utf-8-sig"), "cp1251").text == "да\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PAR1\x15\x04\x15", "Parquet, not a text file; the kind parquet reads it"),
        (b"PK\x03\x04\x14\x00", "a compressed archive .*unpack it"),
        (b"\x1f\x8b\x08\x00", "a compressed archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel"),
        (b"\x89PNG\r\n\x1a\n\x00", "an image"),
        (bytes(range(16)) * 8 + b"\0" * 60, "are NUL, as in a file that is no text"),
        ("да\n".encode("utf-16")[:-1], "not utf-16"),
    ],
)
def test_what_is_no_text_is_one_line_without_its_bytes(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=rf"^rows\.csv: .*{said}") as error:
        read(data)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "data", [b"ORCHIDS,1\n", b"BZh. is short,0\n", b"GIF8 is a format\n", b"a lone \0 NUL in a row,1\n"]
)
def test_a_text_that_begins_like_something_else_is_read(data: bytes) -> None:
    assert read(data).text.encode() == data


def test_real_files_are_what_their_card_says(real_data: Path) -> None:
    names = [
        "chnsenticorp-hotel/ChnSentiCorp_htl_all.csv",
        "mr-polarity/rt-polarity.pos",
        "mr-polarity/rt-polarity.neg",
    ]
    for name in [*names, "sst2/train.tsv"]:
        data = (real_data / name).read_bytes()
        assert read(data).encoding == "utf-8"
    hotel = (real_data / names[0]).read_text(encoding="utf-8-sig")
    legacy = hotel.encode("gbk", "ignore")
    assert read(legacy).text == legacy.decode("gbk")
    reviews = (real_data / names[1]).read_text(encoding="utf-8").encode("cp1252", "ignore")
    assert read(reviews).text == reviews.decode("cp1252")
