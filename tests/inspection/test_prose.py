"""What `chainrule new` makes of plain texts: a language model, with rows, tokens and a net that suit them."""

import os
import zipfile
from pathlib import Path

import pytest

from chainrule.inspection import choices, detection, prose
from chainrule.inspection.examples import Examples, Options
from chainrule.inspection.machine import Machine
from chainrule.inspection.writing import block
from chainrule.recipes.check import find_mistakes

MACHINE = Machine(cores=2, gpu=False)
PLAY = "".join(
    f"ACT {n}.\nSpeak on, good sir, and tell of {n}.\n\nI will, my lord, and gladly.\n\n" for n in range(300)
)


def found(path: Path, task: str | None = None) -> Examples:
    return detection.detect(path, Options(task=task))


def recipe(examples: Examples, root: Path) -> dict:
    made = block(examples, choices.choose(examples, root, None, MACHINE), root)
    assert find_mistakes({"recipes": {"it": made}}) == []
    return made


def test_one_long_text_is_learnt_by_its_characters_and_its_end_is_held_out(tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_text(PLAY)
    examples = found(tmp_path / "play.txt")
    assert examples.task == "text_generation" and examples.target == "continuation"
    made = recipe(examples, tmp_path)
    assert made["source"] == {
        "kind": "long_texts",
        "path": "play.txt",
        "cut": 255,
        "hold_out": {"validation": 0.05, "test": 0.1},
    }
    assert made["pretrain"]["tokenizer"] == {"kind": "characters", "vocabulary": 8000, "max_length": 256, "ends": False}
    assert made["net"]["name"] == "gpt" and made["net"]["max_length"] == 256


def test_parts_in_the_names_of_files_are_kept(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        (tmp_path / f"wiki.{part}.txt").write_text(PLAY)
    examples = found(tmp_path)
    assert set(examples.parts) == {"train", "validation", "test"} and "hold_out" not in examples.source
    (tmp_path / "wiki.valid.txt").unlink()
    assert found(tmp_path).source["hold_out"] == {"validation": 0.05}


def test_many_texts_are_held_out_whole(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "brown.zip", "w") as packed:
        for number in range(12):
            tagged = "the/at jury/nn said/vbd on/in friday/nr that/cs an/at end/nn was/bedz near/in"
            packed.writestr(f"brown/c{number:02d}", f"\n\n{tagged} ./.\n\n" * 30)
    examples = found(tmp_path)
    assert examples.source["tagged"] is True and "hold_out" not in examples.source
    assert recipe(examples, tmp_path)["pretrain"]["tokenizer"].get("ends", True)


def test_words_and_tags_are_no_prose() -> None:
    assert not prose.is_prose(["EU B-ORG\nrejects O\n\nGerman B-MISC\ncall O\n\n" * 50])
    assert not prose.is_prose(["a good film that one sees once\n" * 50])


def test_ideographs_are_tokens(tmp_path: Path) -> None:
    (tmp_path / "poems.txt").write_text(
        "帝京篇十首\n太宗皇帝\n秦川雄帝宅，函谷壯皇居。\n綺殿千尋起，離宮百雉餘。\n\n" * 200
    )
    assert recipe(found(tmp_path / "poems.txt"), tmp_path)["pretrain"]["tokenizer"]["kind"] == "characters"


@pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory")
@pytest.mark.parametrize("name", ["lm-text/tinyshakespeare.txt", "tang-poems"])
def test_real_texts_from_a_path_alone(name: str, tmp_path: Path) -> None:
    examples = found(Path(os.environ["CHAINRULE_REAL_DATA"]) / name)
    assert examples.task == "text_generation"
    assert recipe(examples, tmp_path)["pretrain"]["tokenizer"]["kind"] == "characters"


def test_words_are_learnt_of_lines_or_of_running_text_if_the_task_is_named(tmp_path: Path) -> None:
    lines = [f"{one} {two} {three} by the river" for one in "abcdef" for two in "ghijkl" for three in "mnop"]
    (tmp_path / "lines.txt").write_text("\n".join(lines) + "\n\n")
    examples = found(tmp_path / "lines.txt", task="word_vectors")
    assert (examples.target, examples.rows) == ("neighbours", len(lines))
    made = recipe(examples, tmp_path)
    assert made["source"] == {"kind": "long_texts", "path": "lines.txt", "texts": "line"}
    assert made["incoming"] == {"kind": "long_texts", "texts": "line"} and made["net"] == {"name": "vectors"}
    (tmp_path / "play.txt").write_text(PLAY)
    made = recipe(found(tmp_path / "play.txt", task="word_vectors"), tmp_path)
    assert made["source"]["cut"] == 500 and made["source"]["hold_out"] == {"validation": 0.05, "test": 0.1}
