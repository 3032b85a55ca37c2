"""What `chainrule new` finds in the forms in which people leave examples, on small files made here."""

import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule.inspection import choices
from chainrule.inspection.detection import detect
from chainrule.inspection.examples import Examples, Options
from chainrule.inspection.machine import Machine
from chainrule.system.errors import ChainruleError, DataError, ParamsError

SENTENCES = (
    "the story takes its time and then leaves you with nothing at all",
    "a warm and funny film about people who keep missing each other",
    "every scene looks as if it had been shot through a dirty window",
    "she plays the part with a lightness that carries the whole thing",
)


def look(path: Path, **options: str) -> Examples:
    return detect(path, Options(**options))


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)
    return path


def sentences(count: int, cells: Mapping[str, str] = {"good": "good", "bad": "bad"}, mark: str = "\t") -> str:
    """Rows of a text and a label."""
    labels = list(cells.values())
    return "".join(f"{SENTENCES[at % 4]} {at}{mark}{labels[at % len(labels)]}\n" for at in range(count))


def picture(path: Path, shade: int, size: tuple[int, int] = (20, 20), colours: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((size[1], size[0], 3), (shade, 255 - shade, 40) if colours else (shade,) * 3, dtype=np.uint8)
    pixels[0, 0] = shade // 2
    Image.fromarray(pixels).save(path)


# ---- texts


def words(count: int, name: str = "Rome") -> str:
    """Sentences of words and their tags."""
    return "".join(f"Anna I-PER\n{at} O\nsaw O\n{name} I-LOC\n. O\n\n" for at in range(count))


def test_words_with_their_tags(tmp_path: Path) -> None:
    found = look(write(tmp_path / "names.conll", f"-DOCSTART- O\n\n{words(15)}-DOCSTART- O\n\n{words(15)}"))
    assert (found.task, found.target, found.rows) == ("token_classification", "spans", 30)
    assert found.counts == {"PER": 30, "LOC": 30} and found.source["kind"] == "conll"
    assert found.found == (
        "30 sentences in 2 documents, which splits keep whole, 60 spans by tags of IOB1, in names.conll",
    )
    assert found.texts[0] == ("Anna 0 saw Rome .",)


def test_words_with_their_tags_by_part(tmp_path: Path) -> None:
    for name, count in (("some.dev", 12), ("some.test", 20)):
        write(tmp_path / name, words(count))
    found = look(tmp_path)
    assert dict(found.parts) == {"train": 12, "test": 20} and found.split == {"test": 0}
    assert found.source["files"] == {"train": "some.dev", "test": "some.test"}


def test_two_columns_without_tags_are_no_words_with_tags(tmp_path: Path) -> None:
    rows = "".join(f"good film{at}\nbad play{at}\n\n" for at in range(40))
    assert look(write(tmp_path / "rows.txt", rows)).task == "text_classification"


def test_lines_of_text_and_label_apart_by_tabs(tmp_path: Path) -> None:
    found = look(write(tmp_path / "rows.tsv", sentences(30)))
    assert (found.task, found.rows, found.counts) == ("text_classification", 30, {"good": 15, "bad": 15})
    assert found.source["columns"] == {"text": 0, "label": 1}
    assert (found.source["delimiter"], found.source["header"]) == ("\t", False)


def test_a_title_and_what_is_below_it_are_one_text(tmp_path: Path) -> None:
    rows = [
        f"{'sport' if at % 2 else 'trade'},Short words on {at} boats that went home,{SENTENCES[at % 4] * 3} {at}"
        for at in range(30)
    ]
    found = look(write(tmp_path / "news.csv", "\n".join(["label,title,description", *rows])))
    assert found.source["columns"] == {"text": ["title", "description"], "label": "label"}
    assert any("joined" in line for line in found.found)


def test_quotes_in_texts_are_no_quotes_of_cells(tmp_path: Path) -> None:
    rows = "".join(
        f'" {SENTENCES[at % 4]} " {at}\t{at % 2}\n' if at % 3 else f'"{SENTENCES[0]} {at}\t1\n' for at in range(40)
    )
    assert look(write(tmp_path / "rows.tsv", rows)).source["quoting"] is False


def test_official_parts_by_the_names_of_files(tmp_path: Path) -> None:
    for name, count in (("train", 40), ("dev", 8), ("test", 12)):
        write(tmp_path / f"{name}.tsv", sentences(count))
    found = look(tmp_path)
    assert found.parts == {"train": 40, "validation": 8, "test": 12}
    assert found.source["files"] == {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}
    assert found.split == {"test": 0}


def test_a_test_part_without_labels_gives_its_place_to_validation(tmp_path: Path) -> None:
    for name, count in (("train", 40), ("dev", 8)):
        write(tmp_path / f"{name}.tsv", sentences(count))
    write(tmp_path / "test.tsv", "".join(f"{SENTENCES[at % 4]}\t{at}\t7\n" for at in range(9)))
    found = look(tmp_path)
    assert found.source["files"] == {"train": "train.tsv", "test": "dev.tsv"}
    assert any("test.tsv: no column of the target" in line for line in found.found)


def test_two_parts_without_a_training_part_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path / "dev.txt", sentences(20))
    write(tmp_path / "test.txt", sentences(20))
    assert look(tmp_path).source["files"] == {"train": "dev.txt", "test": "test.txt"}


def test_a_list_of_names_beside_the_rows_names_numbered_labels(tmp_path: Path) -> None:
    write(tmp_path / "data.tsv", sentences(30, {"a": "1", "b": "2", "c": "3"}))
    write(tmp_path / "classes.txt", "world\nsports\nbusiness\n")
    assert look(tmp_path).source["labels"] == {"1": "world", "2": "sports", "3": "business"}
    assert set(look(tmp_path).counts) == {"world", "sports", "business"}


def test_labels_that_another_part_writes_with_a_full_stop_are_read_as_training_writes_them(tmp_path: Path) -> None:
    write(tmp_path / "train.tsv", sentences(30))
    write(tmp_path / "test.tsv", sentences(10, {"good": "good.", "bad": "Bad."}))
    found = look(tmp_path)
    assert found.source["labels"] == {"bad": "bad", "good": "good", "Bad.": "bad", "good.": "good"}
    assert found.labels["test"] == {"good": 5, "bad": 5}


def test_several_labels_in_a_cell(tmp_path: Path) -> None:
    marks = ("joy", "joy,hope", "fear", "hope", "fear,joy")
    rows = "".join(f"{SENTENCES[at % 4]} {at}\t{marks[at % 5]}\n" for at in range(50))
    found = look(write(tmp_path / "rows.tsv", rows))
    assert (found.task, found.counts) == ("multi_label", {"joy": 30, "hope": 20, "fear": 20})


def test_columns_of_marks_are_labels(tmp_path: Path) -> None:
    rows = "".join(f'{at},"{SENTENCES[at % 4]} {at}",{at % 2},{at % 3 // 2},{at % 5 // 4}\n' for at in range(40))
    found = look(write(tmp_path / "toxic.csv", f"id,comment_text,toxic,threat,insult\n{rows}"))
    assert found.task == "multi_label"
    assert found.source["columns"] == {"text": "comment_text", "labels": ["toxic", "threat", "insult"]}


def test_two_texts_are_a_pair(tmp_path: Path) -> None:
    rows = "".join(f"{at}\t{SENTENCES[at % 4]} {at}\t{SENTENCES[(at + 1) % 4]} {at}\t{at % 2}\n" for at in range(40))
    found = look(write(tmp_path / "pairs.tsv", f"pair_ID\tsentence_A\tsentence_B\tduplicate\n{rows}"))
    assert found.task == "text_pair_classification"
    assert found.source["columns"] == {"first": "sentence_A", "second": "sentence_B", "label": "duplicate"}
    assert "not used: pair_ID" in found.found


def test_where_two_columns_could_be_the_target_the_candidates_are_listed(tmp_path: Path) -> None:
    rows = "".join(f'"{SENTENCES[at % 4]} {at}",{"ab"[at % 2]},{"xyz"[at % 3]},0\n' for at in range(40))
    path = write(tmp_path / "rows.csv", f"review,topic,sentiment,note\n{rows}")
    with pytest.raises(ParamsError, match="two columns could be the target: topic, sentiment; name one by --target"):
        look(path)
    assert look(path, target="sentiment").source["columns"] == {"text": "review", "label": "sentiment"}
    with pytest.raises(ParamsError, match="--target mood: no such column; review, topic, sentiment, note"):
        look(path, target="mood")


def test_a_column_of_people_that_repeats_is_the_group(tmp_path: Path) -> None:
    rows = "".join(f'"{SENTENCES[at % 4]} {at}",u{at % 9},{"ab"[at % 2]}\n' for at in range(60))
    assert look(write(tmp_path / "rows.csv", f"text,user_id,label\n{rows}")).source["group"] == "user_id"


def test_an_encoding_is_found_and_said(tmp_path: Path) -> None:
    chinese = (
        "房间很大服务也很好下次还会再来住的",
        "早餐太差房间很小隔音也不好不会再来",
        "位置不错离地铁站很近出行方便推荐",
    )
    rows = "".join(f"{chinese[at % 3]}{at},{at % 2}\n" for at in range(60))
    found = look(write(tmp_path / "rows.csv", f"review,label\n{rows}", "gb18030"))
    assert found.source["encoding"] == "gb18030"
    assert found.texts[0] == (f"{chinese[0]}0",)


def test_chinese_is_seen_and_cleaned_as_chinese(tmp_path: Path) -> None:
    rows = "".join(f"房间很大 服务也ＷｉＦｉ好{at},{at % 2}\n" for at in range(60))
    found = look(write(tmp_path / "rows.csv", f"review,label\n{rows}"))
    plan = choices.choose(found, tmp_path, None, Machine(2, False))
    assert plan.blocks["clean"] == {"normalise": {"width": "letters"}}
    rows = "".join(f"房间 很 大 服务 也 很 好 早餐 {at},{at % 2}\n" for at in range(60))
    found = look(write(tmp_path / "words.csv", f"review,label\n{rows}"))
    plan = choices.choose(found, tmp_path, None, Machine(2, False))
    assert plan.blocks["clean"] == {"normalise": {"width": "letters", "blanks": "words"}}
    assert any("blanks between ideographs" in line for line in plan.why)
    assert any("bert-base-chinese" in line for line in plan.why)
    rows = "".join(f"{SENTENCES[at % 4]} {at},{at % 2}\n" for at in range(60))
    found = look(write(tmp_path / "english.csv", f"review,label\n{rows}"))
    assert choices.choose(found, tmp_path, None, Machine(2, False)).blocks["clean"] == {}


def test_long_texts_are_read_in_windows_and_that_is_said(tmp_path: Path) -> None:
    def plan(words: int, columns: str = "review,label") -> choices.Plan:
        lines = "".join(f"{SENTENCES[at % 4]} {at} {'of the old town ' * (words // 4)},{at % 2}\n" for at in range(60))
        found = look(write(tmp_path / f"rows{words}.csv", f"{columns}\n{lines}"))
        return choices.choose(found, tmp_path, None, Machine(2, False))

    short = plan(100).blocks
    assert short["clean"] == {} and "windows" not in short["pretrain"].get("tokenizer", {})
    long = plan(2000)
    asked = long.blocks["pretrain"]["tokenizer"]
    assert asked["max_length"] == 256 and asked["windows"]["overlap"] == 32
    assert asked["windows"]["most"] * (256 - 34) > 2000
    assert long.blocks["clean"]["normalise"]["max_characters"] >= 8000
    assert any("windows of 256" in line for line in long.why) and any(
        "characters of a text" in line for line in long.why
    )


def test_a_file_for_each_class(tmp_path: Path) -> None:
    for name in ("neg", "pos"):
        write(
            tmp_path / f"polarity.{name}",
            "".join(f"{SENTENCES[at % 4]} {name}{' ,' * (at % 3)} {at}\n" for at in range(20)),
        )
    found = look(tmp_path)
    assert found.source["files"] == {"negative": "polarity.neg", "positive": "polarity.pos"}
    assert found.counts == {"negative": 20, "positive": 20}


@pytest.mark.parametrize("prefix", ["", "__label__"])
def test_lines_of_a_label_and_a_text(tmp_path: Path, prefix: str) -> None:
    for part, count in (("train", 60), ("test", 30)):
        rows = "".join(f"{prefix}{('DESC', 'NUM', 'LOC')[at % 3]} {SENTENCES[at % 4]} {at}\n" for at in range(count))
        write(tmp_path / f"{part}.txt", rows)
    found = look(tmp_path)
    assert found.source == {"kind": "label_lines", "path": str(tmp_path)}
    assert (found.parts, found.counts) == ({"train": 60, "test": 30}, {"DESC": 30, "NUM": 30, "LOC": 30})
    assert found.texts[0] == (f"{SENTENCES[0]} 0",)


def test_repeats_and_contradictions_are_counted(tmp_path: Path) -> None:
    rows = sentences(20) + f"{SENTENCES[0]} 0\tbad\n{SENTENCES[1]} 1\tbad\n"
    found = look(write(tmp_path / "rows.tsv", rows))
    assert found.doubts == ("2 rows repeat another, 1 of them with another label; copies are kept in one split",)


# ---- images


def test_class_folders_of_images(tmp_path: Path) -> None:
    for at in range(12):
        picture(tmp_path / "photos" / ("ants", "bees")[at % 2] / f"{at}.JPG", 20 * at)
    write(tmp_path / "photos" / "ants" / ".hidden", "")
    write(tmp_path / "photos" / "LICENSE.txt", "MIT")
    found = look(tmp_path)  # one folder that holds all is gone into
    assert (found.task, found.counts) == ("image_classification", {"ants": 6, "bees": 6})
    assert found.source == {"kind": "image_folder", "path": str(tmp_path / "photos")}
    assert found.images is not None
    assert (found.images.shorter, found.images.alike, found.images.grey) == (20, True, False)


def test_parts_above_classes(tmp_path: Path) -> None:
    for part, count in (("train", 8), ("val", 4), ("test", 4)):
        for at in range(count):
            picture(tmp_path / part / "ab"[at % 2] / f"{part}{at}.png", 10 * at, colours=False)
    found = look(tmp_path)
    assert found.parts == {"train": 8, "validation": 4, "test": 4}
    assert found.images is not None
    assert found.images.grey


def test_one_image_of_another_size_is_seen_among_many(tmp_path: Path) -> None:
    for at in range(600):
        picture(tmp_path / "ab"[at % 2] / f"{at}.png", at % 256)
    picture(tmp_path / "a" / "large.png", 9, (300, 200))
    found = look(tmp_path).images
    assert found is not None
    assert not found.alike


@pytest.mark.parametrize(
    ("names", "expression", "groups"),
    [
        ([f"person_{who}_{shot:02d}.jpg" for who in range(8) for shot in range(6)], r"^person_(\d+)", 8),
        ([f"{no}_{who}_{shot}.png" for no in (0, 1) for who in "abcdef" for shot in "12"], r"^\d+_([^\W\d_]+)", 6),
        ([f"IMG_{number}.JPG" for number in range(1118, 5000, 7)], r"^IMG_(\d+)\d\d", 39),
        ([f"{at:04d}.png" for at in range(50)], None, 0),
        ([f"cat.{at}.jpg" for at in range(50)], None, 0),
    ],
)  # fmt: skip
def test_groups_by_file_names(tmp_path: Path, names: list[str], expression: str | None, groups: int) -> None:
    for at, name in enumerate(names):
        label = name[0] if name[0].isdigit() and "_" in name else "ab"[at % 2]
        picture(tmp_path / label / name, at % 256, (8, 8))
    found = look(tmp_path)
    assert found.source.get("group_pattern") == expression
    assert expression is None or any(f"{groups} that a split keeps whole" in line for line in found.found)


def test_images_named_in_a_table(tmp_path: Path) -> None:
    for at in range(24):
        picture(tmp_path / "pictures" / f"{at}.png", 10 * at)
    rows = "".join(f"pictures/{at}.png,{('cat', 'dog')[at % 2]},{at / 7:.3f}\n" for at in range(24))
    path = write(tmp_path / "index.csv", f"file,label,score\n{rows}")
    found = look(path)
    assert (found.task, found.source["kind"]) == ("image_classification", "delimited")
    assert found.source["path"] == str(tmp_path)
    assert found.source["columns"] == {"image": "file", "label": "label"}
    regression = look(path, target="score")
    assert (regression.task, regression.target) == ("image_regression", "number")
    assert regression.source["columns"] == {"image": "file", "target": "score"}


def test_class_folders_in_archives_by_part(tmp_path: Path) -> None:
    for part, count in (("train", 12), ("test", 6)):
        for at in range(count):
            picture(tmp_path / "own" / part / "ab"[at % 2] / f"{part}{at}.png", 10 * at)
        (tmp_path / "packed").mkdir(exist_ok=True)
        shutil.make_archive(str(tmp_path / "packed" / part), "gztar", tmp_path / "own", part)
    found = look(tmp_path / "packed")
    assert (found.parts, found.source["kind"]) == ({"train": 12, "test": 6}, "image_folder")
    assert found.images is not None
    assert found.images.shorter == 20
    only = look(tmp_path / "packed" / "train.tar.gz")
    assert (only.counts, only.source["path"]) == ({"a": 6, "b": 6}, str(tmp_path / "packed" / "train.tar.gz"))


def test_arrays_of_images(tmp_path: Path) -> None:
    images = np.arange(30 * 64, dtype=np.uint8).reshape(30, 8, 8)
    labels = np.arange(30) % 3
    np.savez(tmp_path / "shapes.npz", x_train=images[:20], y_train=labels[:20], x_test=images[20:], y_test=labels[20:])
    found = look(tmp_path / "shapes.npz")
    assert (found.source["kind"], found.parts) == ("arrays", {"train": 20, "test": 10})
    assert found.counts == {"0": 10, "1": 10, "2": 10}
    assert found.images is not None
    assert (found.images.shorter, found.images.grey) == (8, True)


def test_class_folders_of_texts(tmp_path: Path) -> None:
    for at in range(24):
        write(
            tmp_path / ("train", "test")[at % 3 // 2] / ("neg", "pos")[at % 2] / f"{at}_8.txt",
            f"{SENTENCES[at % 4]} {at}",
        )
    write(tmp_path / "train" / "unsup" / "0_0.txt", SENTENCES[0])
    found = look(tmp_path)
    assert (found.task, found.parts) == ("text_classification", {"train": 16, "test": 8})
    assert found.source == {"kind": "text_folder", "path": str(tmp_path)}
    assert f"{SENTENCES[0]} 0" in {text for (text,) in found.texts}
    assert any("1 more without a label" in line for line in found.found)


def test_files_that_are_identical_are_counted(tmp_path: Path) -> None:
    for at in range(12):
        picture(tmp_path / "ab"[at % 2] / f"{at}.png", 7 * (at // 2))
    assert any("6 rows repeat another" in doubt for doubt in look(tmp_path).doubts)


# ---- what is none


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("nothing", None, "no such file or directory"),
        (
            "novel.txt",
            "".join(
                f"{word.title()} went by{' and by' * (len(word) % 4)} as it fell.\n"
                for word in SENTENCES[0].split() * 3
            ),
            "no examples that are known",
        ),
        ("empty.csv", "", "empty"),
    ],
)
def test_what_is_no_data_is_said_in_a_line(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    path = tmp_path / name
    if text is not None:
        write(path, text)
    with pytest.raises(DataError, match=said) as raised:
        look(path)
    assert "\n" not in str(raised.value)


def test_links_to_themselves_are_no_data(tmp_path: Path) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / one).symlink_to(other)
    with pytest.raises(DataError, match="no examples that are known: a, b"):
        look(tmp_path)


def test_a_table_in_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as packed:
        packed.writestr("rows.csv", "x,label\n1,a\n2,b\n")
    with pytest.raises(DataError, match=r"rows\.zip holds no class folders .* unpacked"):
        look(tmp_path / "rows.zip")


def test_one_folder_of_images_is_one_class(tmp_path: Path) -> None:
    for at in range(4):
        picture(tmp_path / "cats" / f"{at}.png", 10 * at)
    with pytest.raises(DataError, match="cats is the only folder with files; a second class is needed"):
        look(tmp_path)


# ---- real sets

REAL = pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory")
MR = "rt-polarity"
LABELLED = {"label": 1, "text": 0}
DIGITS = r"^IMG_(\d+)\d\d"
SETS = {
    "fashion-mnist": ("image_classification", {"train": 60000, "test": 10000}, {"kind": "idx"}),
    "mnist": ("image_classification", {"train": 60000, "test": 10000}, {"kind": "idx"}),
    "sign-language-digits": ("image_classification", {}, {"kind": "image_folder", "group_pattern": DIGITS}),
    "cifar10-jpeg": ("image_classification", {"train": 50000, "test": 10000}, {"kind": "image_folder"}),
    "mr-polarity": ("text_classification", {}, {"files": {"negative": f"{MR}.neg", "positive": f"{MR}.pos"}}),
    "sst2": (
        "text_classification",
        {"train": 6920, "validation": 872, "test": 1821},
        {"columns": LABELLED, "header": False, "quoting": False, "delimiter": "\t"},
    ),
    "chnsenticorp-hotel": ("text_classification", {}, {"columns": {"text": "review", "label": "label"}}),
    "thucnews-titles": (
        "text_classification",
        {"train": 10000, "test": 10000},
        {"columns": LABELLED, "files": {"train": "dev.txt", "test": "test.txt"}},
    ),
    "camvid-small": ("segmentation", {"train": 62, "validation": 21, "test": 30}, {"kind": "mask_folder"}),
    "isbi-em-membrane": ("segmentation", {}, {"kind": "mask_folder"}),
    "fsdd-small": ("audio_classification", {}, {"kind": "audio_folder", "group_pattern": r"^\d+_([^\W\d_]+)"}),
    "multi30k-en-de": (
        "translation",
        {"train": 29000, "validation": 1014, "test": 3532},
        {"kind": "line_pairs", "sides": ["en", "de"]},
    ),
    "wikigold-ner": ("token_classification", {}, {"kind": "conll"}),
    "peoples-daily-ner-zh": (
        "token_classification",
        {"train": 2318, "test": 4636},
        {"kind": "conll", "files": {"train": "example.dev", "test": "example.test"}},
    ),
    "goemotions": (
        "multi_label",
        {"train": 43349, "validation": 5418, "test": 5424},
        {"columns": {"text": 0, "labels": 1}, "header": False},
    ),
    "sick": (
        "text_pair_classification",
        {"train": 4500, "validation": 500, "test": 4927},
        {"columns": {"first": "sentence_A", "second": "sentence_B", "label": "entailment_judgment"}},
    ),
    "afqmc-zh": (
        "text_pair_classification",
        {"train": 34334, "test": 4316},
        {"columns": {"first": 0, "second": 1, "label": 2}, "files": {"train": "train.txt", "test": "dev.txt"}},
    ),
}  # fmt: skip


@REAL
@pytest.mark.parametrize("name", SETS)
def test_real_sets(name: str) -> None:
    task, parts, source = SETS[name]
    found = look(Path(os.environ["CHAINRULE_REAL_DATA"]) / name)
    assert (found.task, dict(found.parts)) == (task, parts)
    assert {key: found.source[key] for key in source} == source


@REAL
def test_one_set_in_three_languages_is_refused_in_a_line() -> None:
    with pytest.raises(ChainruleError) as raised:
        look(Path(os.environ["CHAINRULE_REAL_DATA"]) / "xquad")
    assert "\n" not in str(raised.value)
