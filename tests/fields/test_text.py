import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from chainrule.fields import scripts, shingles, text, typos
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError


def normalised(
    raw: bytes,
    lowercase: bool = False,
    strip_html: bool = True,
    shortest: int = 1,
    longest: int = 1_000,
    long: text.Long = "cut",
):
    return text.normalise(
        raw, lowercase=lowercase, strip_html=strip_html, min_characters=shortest, max_characters=longest, long=long
    )


@pytest.mark.parametrize(
    ("raw", "value", "repairs"),
    [
        (b"a plain text", "a plain text", []),
        ("caf\u00e9".encode("cp1252"), "caf\u00e9", ["decoded_cp1252"]),
        ("na\u00efve".encode("utf-16"), "na\u00efve", ["decoded_utf16"]),
        ("it\u00e2\u20ac\u2122s caf\u00c3\u00a9".encode(), "it\u2019s caf\u00e9", ["mojibake"]),
        ("cafe\u0301".encode(), "caf\u00e9", ["unicode"]),
        (b"\xef\xbb\xbfa\x00b\x07", "a b", ["control_characters", "whitespace"]),
        (b"  two \r\n\t words ", "two words", ["whitespace"]),
        (b"wor<b>d</b><br/>next &amp; last", "word next & last", ["html"]),
        (b"x &amp;lt;3 y", "x <3 y", ["html"]),
        (b"Microsoft #39;s", "Microsoft 's", ["html"]),
        (b"<!-- no --><p class='a b'>yes</p><script>no()</script>", "yes", ["html", "whitespace"]),
        (b"the <unk> is <3 and a < b > c", "the <unk> is <3 and a < b > c", []),
        ("family \U0001f468\u200d\U0001f469".encode(), "family \U0001f468\u200d\U0001f469", []),
    ],
)
def test_every_repair_is_done_and_named(raw, value, repairs):
    assert normalised(raw) == (value, repairs)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("see ?a=1&copy=2&reg=3", "see ?a=1&copy=2&reg=3"),
        ("see ?a=1&copy", "see ?a=1&copy"),
        ("&notit; &lt3 &ampere AT&T; &;", "&notit; &lt3 &ampere AT&T; &;"),
        ("x &copy; y &copy z &COPY; &#169; &#xA9;", "x © y © z © © ©"),
        ("if (a &lt b &amp&amp c)", "if (a < b &amp& c)"),
        ("fish &amp", "fish &"),
        ("a<b and c>d, x<3, 1<2>0", "a<b and c>d, x<3, 1<2>0"),
        ("we are #1; ranked #12; item #38; next", "we are #1; ranked #12; item #38; next"),
        ("workers #39; strike, #36;5", "workers ' strike, $5"),
        ("&amp;copy=2", "&copy=2"),
        ("tom &amp;amp; co", "tom & co"),
    ],
)
def test_an_entity_needs_its_semicolon_where_no_blank_follows(raw, value):
    assert normalised(raw.encode())[0] == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("one two three", "one two"),
        ("one twothree", "one twothr"),
        ("onetwo three", "onetwo"),
        ("好" * 12, "好" * 10),
        ("aaaaaaaaae\u0323\u0301", "aaaaaaaaa"),  # the marks do not compose with the letter in one character
        ("aaaaaaaaa\U0001f468\u200d\U0001f469", "aaaaaaaaa"),
        ("<b>one</b> two 3", "one two 3"),
    ],
)
def test_a_long_text_is_cut_after_a_word_and_that_is_said(raw, value):
    found, repairs = normalised(raw.encode(), longest=10)
    assert found == value
    assert ("cut" in repairs) is (value != "one two 3")
    assert normalised(found.encode(), longest=10) == (found, [])


def test_html_and_case_stay_when_they_are_not_asked_for():
    assert normalised(b"A <b>B</b>", strip_html=False) == ("A <b>B</b>", [])
    assert normalised(b"A <b>B</b>", lowercase=True) == ("a b", ["html"])


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty_text"),
        (b" \n\x00 ", "empty_text"),
        (b"<p></p>", "empty_text"),
        (b"\x81\x8d", "undecodable_text"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "undecodable_text"),
        (b"\xff\xfea", "undecodable_text"),
        (b"ab", "too_short"),
        (b"abcdefghijk", "too_long"),
    ],
)
def test_what_cannot_be_used_is_rejected_with_a_reason(raw, reason):
    with pytest.raises(Reject) as caught:
        normalised(raw, shortest=3, longest=10, long="reject")
    assert caught.value.reason == reason
    assert caught.value.detail


@settings(max_examples=200)
@given(
    raw=st.one_of(
        st.binary(max_size=40),
        st.text(max_size=40).map(str.encode),
        st.lists(
            st.sampled_from(
                [
                    "<b>",
                    "</b>",
                    "&amp;",
                    "lt;",
                    ";",
                    "#38",
                    "&#128;",
                    "Ã",
                    "©",
                    "́",
                    "<br",
                    "\x00",
                    ">",
                    "a",
                    "É",
                    "ß",
                ]
            )
        ).map(lambda parts: "".join(parts).encode()),
    ),
    lowercase=st.booleans(),
    longest=st.sampled_from([7, 1_000]),
)
@example(raw=b"<b\x00r>", lowercase=False, longest=1_000)
@example(raw=b"&amp;amp;amp;lt;br&gt;", lowercase=False, longest=1_000)
def test_normalising_twice_is_normalising_once(raw, lowercase, longest):
    try:
        value, _ = normalised(raw, lowercase, longest=longest)
    except Reject:
        return
    assert len(value) <= longest
    assert normalised(value.encode(), lowercase, longest=longest) == (value, [])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Don't stop!", "do n't  STOP", True),
        ("Stra\u00dfe", "STRASSE", True),
        ("costs 1.5", "costs 15", False),
        ("good \U0001f44d", "good \U0001f44e", False),
        ("!!!", "???", False),
        ("\u0915\u093f", "\u0915\u0940", False),
    ],
)
def test_the_key_forgets_case_blanks_and_punctuation_only(one, other, same):
    assert (text.key(one) == text.key(other)) is same


def jaccard(one: str, other: str) -> float:
    sets = [set(zip(words, words[1:], words[2:], strict=False)) for words in (one.split(), other.split())]
    return len(sets[0] & sets[1]) / max(1, len(sets[0] | sets[1]))


@settings(max_examples=60)
@given(
    texts=st.lists(st.lists(st.sampled_from("abc"), min_size=3, max_size=12).map(" ".join), min_size=2, max_size=12),
    threshold=st.sampled_from([0.2, 0.5, 0.75, 1.0]),
)
def test_near_duplicates_are_exactly_the_pairs_at_or_over_the_threshold(texts, threshold):
    expected = [
        [i, j] for i, j in itertools.combinations(range(len(texts)), 2) if jaccard(texts[i], texts[j]) >= threshold
    ]
    assert text.near_duplicates(texts, threshold).tolist() == expected


@pytest.mark.parametrize("words", [30, 700])
def test_long_texts_are_found_in_pieces_and_as_exactly(words, monkeypatch):
    """Bitmaps of 700 runs are full, and each piece holds a pair or two."""
    monkeypatch.setattr(shingles, "_AT_ONCE", 3)
    rng = np.random.default_rng(0)
    texts = []
    for number in range(40):
        own = texts[-1].split() if number % 2 else [str(word) for word in rng.integers(0, 50, words)]
        for place in rng.integers(0, words, rng.integers(1, max(2, words // 20))):
            own[place] = f"x{number}"
        texts.append(" ".join(own))
    expected = [[i, j] for i, j in itertools.combinations(range(40), 2) if jaccard(texts[i], texts[j]) >= 0.85]
    assert 3 < len(expected) < 20
    assert text.near_duplicates(texts, 0.85).tolist() == expected


def test_short_texts_are_one_shingle_and_empty_ones_are_like_nothing():
    assert text.near_duplicates(["so good", "So good!", "so", "", "..."], 0.9).tolist() == [[0, 1]]
    assert text.near_duplicates([], 0.5).shape == (0, 2)


def test_a_common_phrase_makes_no_candidates(monkeypatch):
    monkeypatch.setattr(shingles, "_MAX_CANDIDATES", 0)
    texts = [f"the best film of the year is {n} by {n + 1000} and {n + 2000} with {n + 3000}" for n in range(500)]
    assert text.near_duplicates(texts, 0.9).shape == (0, 2)


def test_too_many_candidates_are_refused_with_a_remedy(monkeypatch):
    monkeypatch.setattr(shingles, "_MAX_CANDIDATES", 2)
    with pytest.raises(DataError, match=r"3 pairs of 3 texts .* raise clean.near_duplicates"):
        text.near_duplicates(["one two three"] * 3, 1.0)


@given(words=st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=9), seed=st.integers(0, 99))
def test_an_augmented_copy_holds_some_of_the_words_and_follows_its_generator(words, seed):
    value = " ".join(words)
    copy = text.augmented_copy(value, np.random.default_rng(seed), delete=0.5, swap=0.5)
    assert copy == text.augmented_copy(value, np.random.default_rng(seed), delete=0.5, swap=0.5)
    assert 1 <= len(copy.split()) <= len(words)
    assert all(copy.split().count(word) <= words.count(word) for word in words)


def test_nothing_is_deleted_or_swapped_with_probability_zero_and_one_word_survives_probability_one():
    rng = np.random.default_rng(0)
    assert text.augmented_copy("a b c", rng, delete=0, swap=0) == "a b c"
    assert text.augmented_copy("a b c", rng, delete=1, swap=0) in {"a", "b", "c"}
    assert text.augmented_copy("a b c", rng, delete=0, swap=1) == "b c a"


def test_a_copy_of_a_text_without_blanks_loses_and_swaps_letters():
    rng = np.random.default_rng(0)
    value = "房间很干净，wifi 也快。"
    assert text.augmented_copy(value, rng, delete=0, swap=0) == value
    assert text.augmented_copy(value, rng, delete=0, swap=1) == "间很干净，wifi也 快。房"
    copies = {text.augmented_copy(value, rng, delete=0.3, swap=0) for _ in range(20)}
    assert len(copies) > 10
    assert all(0 < len(copy) <= len(value) for copy in copies)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a bc  d", ["a", "bc", "d"]),
        ("café, très bon", ["café,", "très", "bon"]),
        ("未来world，が。", ["未", "来", "world，", "が。"]),
        ("《好》abc", ["《好》", "abc"]),
        ("ม้าดี", ["ม้", "า", "ดี"]),
        ("", []),
    ],
)
def test_words_that_can_be_altered_make_their_text_again(value, words):
    found, gaps = scripts.apart(value)
    assert found == words
    assert scripts.joined(found, gaps) == " ".join(value.split())


@given(value=st.text(alphabet="ab我你，。 é", max_size=12), gone=st.sets(st.integers(0, 11)))
def test_what_is_left_out_takes_no_blank_along(value, gone):
    found, gaps = scripts.apart(value)
    assert scripts.joined(found, gaps) == " ".join(value.split())
    left = scripts.joined([None if place in gone else word for place, word in enumerate(found)], gaps)
    kept = [word for place, word in enumerate(found) if place not in gone]
    assert left.replace(" ", "") == "".join(kept)
    assert left == left.strip() and "  " not in left


def test_a_blank_that_parted_words_parts_what_is_left_of_them():
    found, gaps = scripts.apart("我 love 北京")
    assert scripts.joined([found[0], found[1], None, found[3]], gaps) == "我 love 京"
    assert scripts.joined([None, *found[1:]], gaps) == "love 北京"


def test_a_slip_in_a_run_of_ideographs_is_one_letter():
    rng = np.random.default_rng(0)
    found = set()
    for _ in range(60):
        words, gaps = scripts.apart("我爱你")
        typos.slip(words, 1, rng, None)
        found.add(scripts.joined(words, gaps))
    assert found == {"爱我你", "我你", "我爱爱你"}
    words = ["我", "wifi", "你"]
    for place in (0, 2) * 9:
        typos.slip(words, place, rng, None)
    assert words == ["我", "wifi", "你"]  # the first of a run stays


def test_describe_gives_characters_and_words():
    assert text.describe(["我爱wifi"]).to_dict("list") == {"characters": [6], "words": [3]}
    assert text.describe(["a bc", "d"]).to_dict("list") == {"characters": [4, 1], "words": [2, 1]}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("A film, cost_3.5 (really)!", ["A", "film", ",", "cost_3", ".", "5", "(", "really", ")", "!"]),
        ("hà nội", ["hà", "nội"]),
        ("हिन्दी की", ["हिन्दी", "की"]),
        ("می\u200cروم؟", ["می\u200cروم", "؟"]),
        ("עַל־כֵּן", ["עַל", "־", "כֵּן"]),
        ("한국어 좋다", ["한국어", "좋다"]),
        ("ม้าดี", ["ม้", "า", "ดี"]),
        ("未来world，が", ["未", "来", "world", "，", "が"]),
        ("good👍🏽", ["good", "👍", "🏽"]),
    ],
)
def test_words_of_any_script_keep_their_marks(value, found):
    assert text.words(value, signs=True) == found
    assert text.words(value) == [word for word in found if any(map(str.isalnum, word))]


def test_texts_that_differ_by_vowel_signs_alone_are_not_alike():
    one, other = "कि की कु कू के कै को कौ", "का कि की कु कू के कै को"
    assert len(text.near_duplicates([one, one, other], 0.8)) == 1


def test_texts_without_blanks_are_alike_where_most_letters_are():
    value = "前台客房服务态度非常好早餐很丰富房价很干净再接再厉中国人的酒店"
    assert text.near_duplicates([value, value + "吧", value[::-1]], 0.8).tolist() == [[0, 1]]


def test_the_texts_of_a_pair_are_measured_apart() -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "film", "bad"]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, "[UNK]"))
    tokenizer.add_special_tokens(words[:4])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    pairs = [("good film", "bad"), ("bad", "film good strange")]
    rows = [{"input_ids": np.array([tokenizer.encode(*pair).ids])} for pair in pairs]
    found = text.measure(rows, ["first", "second"], tokenizer)
    assert found["first"].words == [["good", "film"], ["bad"]]
    assert found["second"].words == [["bad"], ["film", "good"]]
    assert found["second"].numbers["unknown pieces"].tolist() == [0, 0.25]
    alone = text.measure([{"input_ids": np.array([tokenizer.encode("good film").ids])}], ["text"], tokenizer)
    assert alone["text"].words == [["good", "film"]]


@pytest.mark.parametrize(
    ("raw", "options", "value", "repairs"),
    [
        ("“Ｈｅｌｌｏ” — it’s ﬁne…", {"quotes": "plain"}, '"Ｈｅｌｌｏ" - it\'s ﬁne...', ["quotes"]),
        ("Ｈｅｌｌｏ ﬁne", {"unicode": "NFKC"}, "Hello fine", ["unicode"]),
        ("Ｈｅｌｌｏ ﬁne", {}, "Ｈｅｌｌｏ ﬁne", []),
        ("sooooo 10000000!!!!", {"repeats": 3}, "sooo 10000000!!!", ["repeats"]),
        ("哈哈哈哈哈", {"repeats": 2}, "哈哈", ["repeats"]),
        ("ＷｉＦｉ１２，很好！", {"width": "letters"}, "WiFi12，很好！", ["width"]),
        ("ＷｉＦｉ１２，很好！", {"width": "all"}, "WiFi12,很好!", ["width"]),
        ("ｶﾞｷﾞ", {"width": "letters"}, "ガギ", ["width"]),
        ("臺灣裡 麵", {"width": "all", "blanks": "words"}, "臺灣裡麵", ["blanks"]),
        ("我 爱 你 ， really good 的 wifi", {"blanks": "words"}, "我爱你， really good 的 wifi", ["blanks"]),
        ("我 爱 你", {}, "我 爱 你", []),
    ],
)
def test_repairs_that_are_asked_for_know_no_language(raw, options, value, repairs):
    found = text.normalise(
        raw.encode(), lowercase=False, strip_html=False, min_characters=1, max_characters=100, **options
    )
    assert found == (value, repairs)
    again = text.normalise(
        value.encode(), lowercase=False, strip_html=False, min_characters=1, max_characters=100, **options
    )
    assert again == (value, [])


@settings(max_examples=60)
@given(word=st.text(min_size=1, max_size=12), seed=st.integers(0, 99), keyboard=st.sampled_from([None, "qwerty"]))
def test_a_slip_changes_one_place_behind_the_first_letter_in_any_script(word, seed, keyboard):
    found = typos.mistyped(word, np.random.default_rng(seed), keyboard)
    letters = [place for place, letter in enumerate(word) if letter.isalpha()]
    if len(letters) < 3:
        assert found == word
    else:
        assert abs(len(found) - len(word)) <= 1 and found[: letters[0]] == word[: letters[0]]
        assert sum(one != other for one, other in zip(found, word, strict=False)) <= len(word)


def test_slips_are_of_the_kinds_that_are_named():
    found = {typos.mistyped("слово", np.random.default_rng(seed), None) for seed in range(60)}
    assert {"солво", "слво", "сллово"} <= found
    keys = {typos.mistyped("abCd", np.random.default_rng(seed), "qwerty") for seed in range(200)}
    assert {"avCd", "abXd", "abVd", "abCs"} <= keys and not keys & {"avcd", "qbCd"}
    assert typos.neighbours(typos.KEYBOARDS["qwerty"])["g"] == "tyfhvb"


def test_a_share_of_the_words_has_slips_and_none_without():
    words = " ".join(["window"] * 400)
    copy = text.augmented_copy(words, np.random.default_rng(1), delete=0.0, swap=0.0, typos=0.25).split()
    assert len(copy) == 400 and 70 < sum(word != "window" for word in copy) < 130
    plain, other = (np.random.default_rng(5) for _ in range(2))
    assert text.augmented_copy(words, plain, delete=0.1, swap=0.1) == text.augmented_copy(
        words, other, delete=0.1, swap=0.1, typos=0.0, keyboard="azerty"
    )
    assert plain.random() == other.random()
