import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard, ModelCardData

import tiny_bundles
from chainrule.data.losses import Losses
from chainrule.evaluation.scores import label
from chainrule.exporting import bundle, card
from chainrule.serving import bundle as bundles

SIGNATURE: dict[str, Any] = {
    "task": "image_classification",
    "modality": "image",
    "net": {"name": "cnn", "width": 4},
    "base": {"from": "nothing"},
    "target": {"kind": "label", "classes": ["cat", "café"]},
}
BASE = {
    "from": "huggingface",
    "name": "somebody/tiny",
    "source": "https://huggingface.co/somebody/tiny",
    "revision": "0123abcd",
    "licence": "apache-2.0",
    "files": {},
    "teacher": False,
}
SOURCE = {"name": "Pets", "licence": "CC BY 4.0", "description": "cats: all of them\nand a café"}


def entry(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


REPORT: dict[str, Any] = {
    "test": {"rows": 50, "groups": 20, "accuracy": entry(0.9), "macro_f1": entry(0.8), "log_loss": entry(0.3)},
    "floor": {"majority_class": {"accuracy": entry(0.5), "macro_f1": entry(0.3), "log_loss": entry(0.7)}},
}
FAIR = {
    "sex": {
        "groups": {"f": {"rows": 30, "accuracy": entry(0.95)}, "m": {"rows": 40, "accuracy": entry(0.85)}},
        "gaps": {"accuracy": {"value": 0.1, "low": -0.02, "high": 0.22, "best": "f", "worst": "m"}},
        "small": [],
    },
    "name": {"not_shown": "50 different values"},
}
EFFORT = card.effort([{"phase": "pretrain"}, {"phase": "finetune"}, {"phase": "finetune"}], 100, 1234, 2e6)


def written(**own: Any) -> str:
    return card.model_card("pets", SIGNATURE | own, SOURCE, REPORT, label, fair=FAIR, training=EFFORT)


def test_the_hub_s_own_reader_takes_the_metadata() -> None:
    read = ModelCard(written(base=BASE))
    assert isinstance(read.data, ModelCardData)
    assert (read.data.license, read.data.base_model, read.data.library_name) == ("apache-2.0", "somebody/tiny", "onnx")
    assert read.data.pipeline_tag == "image-classification" and read.data.datasets == ["Pets"]
    assert read.data.model_name == "pets"
    results = {result.metric_type: result for result in read.data.eval_results or []}
    assert set(results) == {"accuracy", "f1", "log_loss"} == set(read.data.metrics or [])
    assert results["f1"].metric_value == 0.8 and results["f1"].dataset_split == "test"
    assert results["accuracy"].metric_args == {"low": 0.89, "high": 0.91}
    assert results["accuracy"].task_type == "image-classification"


def test_the_metadata_stand_first_and_hold_no_more_than_is_known() -> None:
    found = written()
    front = yaml.safe_load(found.split("---\n")[1])
    assert found.startswith("---\nlicense: other\nlicense_name: not-stated\n")
    assert "base_model" not in front
    assert front["model-index"][0]["results"][0]["dataset"]["name"] == "Pets"


def test_the_card_has_the_usual_sections() -> None:
    found = written(base=BASE)
    heads = [line[3:] for line in found.splitlines() if line.startswith("## ")]
    assert heads == [*("Intended use", "Data", "Base", "Scores", "Groups", "Training and energy", "Limits", "Licence")]
    assert "- sex: gap of accuracy 0.1000 (-0.0200 to 0.2200), f 0.9500 against m 0.8500\n" in found
    assert "- name: 50 different values\n" in found
    assert "The data: CC BY 4.0. The weights that training started from: apache-2.0." in found


def test_the_effort_follows_from_rows_epochs_and_operations_alone() -> None:
    # 3 epochs of 100 rows, each three times two million operations.
    assert EFFORT["epochs"] == {"pretrain": 1, "finetune": 2}
    assert EFFORT["operations"] == 3 * 100 * 3 * 2e6
    assert EFFORT["kilowatt_hours"] == pytest.approx(1.8e9 / card.OPERATIONS_PER_JOULE / 3.6e6)
    assert "- epochs: 1 of pretrain, 2 of finetune\n- operations: about 1.8e+09" in written()


def test_what_the_card_says_lies_beside_it_for_machines(tmp_path: Path) -> None:
    lost = Losses(3, 100, {"empty_text": 3}, 0)
    told = card.data("pets", SIGNATURE, SOURCE, REPORT, label, {}, lost, {"seed": 7}, FAIR, EFFORT)
    bundle.write(tmp_path / "pets", b"graph", SIGNATURE, written(), None, card_data=told)
    read = json.loads((tmp_path / "pets" / bundle.CARD_DATA).read_text(encoding="utf-8"))
    assert read == told
    assert read["scores"]["accuracy"]["value"] == 0.9 and read["groups"]["sex"]["gaps"]["accuracy"]["value"] == 0.1
    assert read["data"]["left_out"] == 3 and read["metadata"]["library_name"] == "onnx"
    assert "model_card.json" in (tmp_path / "pets" / bundle.SUMS).read_text()


def test_the_server_takes_a_bundle_with_a_card_for_machines_and_one_without(tmp_path: Path) -> None:
    folder = tiny_bundles.image_bundle(tmp_path / "image")
    assert "model_card.json" not in bundles.read(folder, "digits", "1").sums
    (folder / "model_card.json").write_text("{}")
    tiny_bundles.resum(folder)
    assert "model_card.json" in bundles.read(folder, "digits", "2").sums
