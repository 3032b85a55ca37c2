"""Pairs of files and columns of two languages: what `chainrule new` makes of them."""

from pathlib import Path

import pytest

from chainrule.inspection import choices, detection, writing
from chainrule.inspection.examples import Options
from chainrule.inspection.machine import Machine
from chainrule.recipes.check import find_mistakes
from chainrule.system.errors import DataError, ParamsError

NOUNS = ("dog", "cat", "man", "tree", "bird", "house", "river", "child", "woman", "boat")
LINES = [f"A {one} sees {count} of the {other}s there." for count, one in enumerate(NOUNS) for other in NOUNS]


def write(folder: Path, stem: str, count: int, sides: tuple[str, str] = ("de", "en")) -> None:
    for side in sides:
        (folder / f"{stem}.{side}").write_text("".join(f"{side} {line}\n" for line in LINES[:count]))


def block(path: Path, **options: str) -> dict:
    found = detection.detect(path, Options(**options))
    made = writing.block(found, choices.choose(found, path.parent, None, Machine(2, gpu=False)), path.parent)
    assert find_mistakes({"recipes": {"mine": made}}) == []
    return made


def test_pairs_of_files_are_a_translation_out_of_english(tmp_path: Path) -> None:
    for stem, count in (("train", 60), ("val", 20), ("test_2016", 20), ("test_2017", 10)):
        write(tmp_path, stem, count)
    made = block(tmp_path)
    assert made["task"] == "translation" and made["target"] == "wording"
    assert made["source"]["sides"] == ["en", "de"]
    assert made["source"]["files"] == {"train": "train", "validation": "val", "test": ["test_2016", "test_2017"]}
    assert made["split"] == {"test": 0}
    assert made["net"]["name"] == "encoder_decoder"
    assert block(tmp_path, target="en")["source"]["sides"] == ["de", "en"]


def test_names_of_sides_say_which_is_written(tmp_path: Path) -> None:
    write(tmp_path, "corpus", 60, ("tgt", "src"))
    made = block(tmp_path)
    assert made["source"]["sides"] == ["src", "tgt"] and made["source"]["files"] == {"all": "corpus"}


def test_unequal_numbers_of_lines_are_told_before_anything_is_written(tmp_path: Path) -> None:
    write(tmp_path, "train", 60)
    with (tmp_path / "train.de").open("a") as file:
        file.write("one more\n")
    with pytest.raises(DataError, match=r"train\.en has 60 lines and train\.de 61"):
        detection.detect(tmp_path, Options())


def test_a_side_that_is_not_there_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "train", 60)
    with pytest.raises(ParamsError, match="--target fr: no such side; de or en"):
        detection.detect(tmp_path, Options(target="fr"))


def test_columns_of_two_languages_are_a_translation(tmp_path: Path) -> None:
    rows = "".join(f"{line} auf Deutsch\t{line}\n" for line in LINES)
    (tmp_path / "rows.tsv").write_text(f"de\ten\n{rows}")
    made = block(tmp_path / "rows.tsv")
    assert made["task"] == "translation" and made["source"]["columns"] == {"source": "en", "translation": "de"}
    turned = block(tmp_path / "rows.tsv", target="en")
    assert turned["source"]["columns"] == {"source": "de", "translation": "en"}
