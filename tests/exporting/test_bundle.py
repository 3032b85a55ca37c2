import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chainrule.data.losses import Losses
from chainrule.evaluation.scores import label, number
from chainrule.exporting import bundle
from chainrule.exporting import card as cards

SIGNATURE: dict[str, Any] = {
    "task": "image_classification",
    "net": {"name": "cnn", "width": 4},
    "base": {"from": "nothing"},
    "target": {"kind": "label", "classes": ["cat", "café"]},
}


def score(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.0123, "high": value + 0.0234}


REPORT: dict[str, Any] = {
    "test": {
        "rows": 1234, "groups": 321,
        "accuracy": score(0.9001), "macro_f1": score(0.8002), "log_loss": score(0.3003),
    },
    "floor": {
        "majority": {"accuracy": score(0.5004), "macro_f1": score(0.3305), "log_loss": score(0.6906)},
        "logistic": {"accuracy": score(0.8507), "macro_f1": score(0.7508), "log_loss": score(0.4009)},
    },
}  # fmt: skip


def written(folder: Path, tokenizer: str | None = None) -> Path:
    card = cards.model_card("pets", SIGNATURE, {"kind": "image_folder"}, REPORT, label)
    bundle.write(folder, b"graph", SIGNATURE, card, tokenizer)
    return folder


def test_the_card_shows_every_setting_a_line_for_each_section() -> None:
    settings = {"seed": 7, "net": {"name": "cnn", "dilations": [1, 2]}, "finetune": {"distort": {"flip": False}}}
    card = cards.model_card("pets", SIGNATURE, {}, REPORT, label, settings=settings)
    assert '- seed: 7\n- net: name "cnn", dilations [1, 2]\n- finetune: distort.flip false\n\n## Limits' in card


@pytest.mark.parametrize("tokenizer", [None, '{"a": "ä"}'])
def test_sha256sums_verify_every_file(tokenizer: str | None, tmp_path: Path) -> None:
    folder = written(tmp_path / "bundle", tokenizer)
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    checked = subprocess.run(["sha256sum", "-c", bundle.SUMS], cwd=folder, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert checked.stderr == ""  # no line that it could not read
    named = {line.removesuffix(": OK") for line in checked.stdout.splitlines()}
    assert named == {path.name for path in folder.iterdir()} - {bundle.SUMS}
    (folder / bundle.GRAPH).write_bytes(b"grapf")
    assert subprocess.run(["sha256sum", "-c", bundle.SUMS], cwd=folder, capture_output=True).returncode != 0


def test_a_bundle_holds_its_files_and_no_more(tmp_path: Path) -> None:
    images = written(tmp_path / "images")
    assert {path.name for path in images.iterdir()} == {"model.onnx", "signature.json", "MODEL_CARD.md", "SHA256SUMS"}
    texts = written(tmp_path / "texts", tokenizer='{"a": "ä"}')
    assert json.loads((texts / "tokenizer.json").read_text(encoding="utf-8")) == {"a": "ä"}
    assert (texts / "model.onnx").read_bytes() == b"graph"
    assert json.loads((texts / "signature.json").read_text(encoding="utf-8")) == {
        **SIGNATURE,
        "variants": {"fp32": {"file": "model.onnx"}},
    }


def test_variants_lie_beside_the_graph_and_the_signature_names_them(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    bundle.write(folder, b"graph", SIGNATURE, "card", None, {"int8": b"small", "fp16": b"half"})
    assert (folder / "model.int8.onnx").read_bytes() == b"small"
    assert (folder / "model.fp16.onnx").read_bytes() == b"half"
    signature = json.loads((folder / "signature.json").read_text(encoding="utf-8"))
    assert {name: entry["file"] for name, entry in signature["variants"].items()} == {
        "fp32": "model.onnx", "int8": "model.int8.onnx", "fp16": "model.fp16.onnx",
    }  # fmt: skip
    named = {line.split("  ")[1] for line in (folder / bundle.SUMS).read_text().splitlines()}
    assert named == {path.name for path in folder.iterdir()} - {bundle.SUMS}


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = written(tmp_path / "one", "{}"), written(tmp_path / "other", "{}")
    for path in one.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes()


def test_a_bundle_is_never_written_over_another(tmp_path: Path) -> None:
    written(tmp_path / "bundle")
    with pytest.raises(FileExistsError):
        written(tmp_path / "bundle")


def table(card: str) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in card.splitlines() if line[:1] == "|"]
    assert len({len(row) for row in cells}) == 1
    return {row[0]: row[1:] for row in cells}


def test_the_model_card_shows_scores_and_floors_with_their_intervals() -> None:
    card = cards.model_card("pets", SIGNATURE, {}, REPORT, label)
    rows = table(card)
    assert rows["model"] == ["accuracy", "macro F1", "log-loss (nats)"]
    assert rows["this model"] == [
        "0.9001 (0.8878 to 0.9235)",
        "0.8002 (0.7879 to 0.8236)",
        "0.3003 (0.2880 to 0.3237)",
    ]
    assert rows["majority (floor)"][0] == "0.5004 (0.4881 to 0.5238)"
    assert rows["logistic (floor)"][2] == "0.4009 (0.3886 to 0.4243)"
    assert "1,234 test rows in 321 groups" in card


def test_the_model_card_of_a_model_under_its_floor_says_so_first() -> None:
    assert cards.model_card("pets", SIGNATURE, {}, REPORT, label).split("\n\n")[1] == (
        "Better than its floor: accuracy 0.9001, 4.9 points above the best floor, logistic (0.8507)."
    )
    under = {**REPORT, "test": {**REPORT["test"], "accuracy": score(0.71)}}
    assert cards.model_card("pets", SIGNATURE, {}, under, label).split("\n\n")[1] == (
        "> **WARNING: UNDER ITS FLOOR: accuracy 0.7100, 14.1 points below the best floor, logistic (0.8507).** "
        "A simple model trained on the same rows does better."
    )


def test_the_model_card_says_what_the_model_is_and_where_its_rows_come_from() -> None:
    source = {"kind": "image_folder", "note": "two\nlines"}
    card = cards.model_card("pets", SIGNATURE, source, REPORT, label)
    assert "\n---\n# pets\n" in card
    assert "image_classification. Net: cnn. Labels: cat, café." in card
    assert "- kind: image_folder\n- note: two lines\n" in card


def test_the_model_card_says_what_training_started_from_and_under_which_licence() -> None:
    assert "## Base" not in cards.model_card("pets", SIGNATURE, {}, REPORT, label)
    base = {
        "from": "huggingface",
        "name": "somebody/tiny",
        "source": "https://huggingface.co/somebody/tiny",
        "revision": "0123abcd",
        "licence": "cc-by-4.0",
        "files": {"model.safetensors": "beef"},
        "teacher": False,
    }
    card = cards.model_card("pets", {**SIGNATURE, "base": base}, {}, REPORT, label)
    for line in ("revision: 0123abcd", "licence: cc-by-4.0", "sha256 of model.safetensors: beef"):
        assert f"\n- {line}\n" in card.partition("## Base")[2].partition("##")[0]
    unsaid = cards.model_card("pets", {**SIGNATURE, "base": {**base, "licence": None}}, {}, REPORT, label)
    assert "- licence: not stated\n" in unsaid


def test_the_model_card_says_of_every_variant_what_it_costs_and_why_it_is_there_or_not() -> None:
    variants = {
        "fp32": {"bytes": 257723, "accuracy": 0.9911, "agreement": 1.0, "ships": True, "reason": "the reference"},
        "int8": {"bytes": 91794, "accuracy": 0.9822, "agreement": 0.99, "ships": False, "reason": "loses too much"},
    }
    card = cards.model_card("pets", SIGNATURE, {}, REPORT, label, variants)
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in card.splitlines()
        if line[:5] in ("| fp3", "| int")
    ]
    assert rows == [
        ["fp32", "257,723", "0.9911", "1.0000", "yes: the reference"],
        ["int8", "91,794", "0.9822", "0.9900", "no: loses too much"],
    ]
    assert "## Variants" not in cards.model_card("pets", SIGNATURE, {}, REPORT, label)


def test_the_card_says_how_many_rows_are_in_no_split_and_loudly_where_they_are_many() -> None:
    few = Losses(3, 100, {"empty_text": 3}, 7)
    card = cards.model_card("pets", SIGNATURE, {"name": "pets"}, REPORT, label, lost=few)
    assert "- name: pets\n- rows: 3 of 100 rows (3.0%) left out: empty text 3; 7 long texts cut\n" in card
    assert "left out" not in card.partition("## Data")[0]
    many = Losses(6, 100, {"empty_text": 6}, 0)
    card = cards.model_card("pets", SIGNATURE, {}, REPORT, label, lost=many)
    assert "\n> **WARNING: 6 of 100 rows (6.0%) left out: empty text 6.** The scores" in card.partition("## Data")[0]


def test_the_model_card_of_a_regression_says_its_error_with_the_unit_and_which_way_is_better() -> None:
    names = (number.PRIMARY.name, *number.HEADLINE)
    report = {
        "test": {"rows": 40, "groups": 40, **{name: score(2.5) for name in names}},
        "floor": {"mean": {name: score(14.0) for name in names}},
    }
    signature = {**SIGNATURE, "task": "image_regression", "target": {"kind": "number", "mean": 1.0, "std": 2.0}}
    card = cards.model_card("ages", signature, {}, report, number)
    assert table(card)["model"] == ["mean absolute error", "root mean squared error", "R²"]
    assert (
        "Better than its floor: mean absolute error 2.5 in the target's unit, 11.5 below the best floor, mean" in card
    )
    assert "What decides is the mean absolute error in the target's unit; less is better." in card
    assert "temperature" not in card
