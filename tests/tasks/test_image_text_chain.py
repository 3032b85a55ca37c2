"""Images with questions through the whole chain: from easy-VQA's layout to answers from either input or both."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chain_project
import live_server
import questions_of_shapes as shapes
from chainrule.drift import measuring
from chainrule.release import contest
from chainrule.system.files import read_rows

NAME = "asked"
BLOCK: dict[str, Any] = {
    "task": "image_text_classification",
    "modality": "image_text",
    "target": "label",
    "seed": 3,
    "source": {"kind": "image_questions", "path": "data/mine"},
    "incoming": {"kind": "json_lines"},
    "clean": {},
    "split": {"validation": 0.2, "tolerance": 1.0},
    "augment": {},
    "base": {"from": "nothing"},
    "net": {
        "name": "image_text",
        "image": {"name": "resnet9", "width": 8},
        "text": {"name": "bag", "width": 32, "buckets": 512, "dropout": 0.0},
        "width": 32,
        "fusion": "late",
    },
    "pretrain": {"objective": {"name": "none"}, "tokenizer": {"vocabulary": 200, "max_length": 24}},
    "finetune": {
        "strategy": {"name": "full"},
        "epochs": 14,
        "batch_size": 32,
        "learning_rate": 0.01,
        "precision": "fp32",
        "distort": {"image": {"shift": 0}},
    },
    "evaluate": {
        "resamples": 100,
        "examine": {
            "rows": 30,
            "explained": 1,
            "explain_runs": 16,
            "explain_steps": 4,
            "passes": 1,
            "surface_steps": 1,
            "surface_rows": 4,
            "robustness": {"rows": 6, "severities": [3], "corruptions": ["gaussian_noise", "typos"]},
        },
    },
    "export": {"variants": {"int8": "never", "fp16": "never"}},
    "retrain": {},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project in which the chain was run."""
    root = tmp_path_factory.mktemp(NAME)
    folder = root / "data/mine"
    shapes.write(folder)
    place = folder / "train" / "questions.json"
    asked = json.loads(place.read_text())
    asked[0] = [asked[0][0], "purple", asked[0][2]]
    asked[1] = [asked[1][0], asked[1][1], 9_999]
    asked[2] = ["", asked[2][1], None]
    asked[3] = ["what colour is it?", "red", None]  # asked without an image
    asked[4] = ["", asked[4][1], asked[4][2]]  # and an image of which nothing is asked
    place.write_text(json.dumps(asked))
    (folder / "train" / "images" / "7.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    chain_project.build(root, {NAME: BLOCK})
    return root


def read(root: Path, name: str) -> Any:
    return json.loads((root / name).read_text())


def test_what_cannot_be_used_is_counted_and_what_lacks_one_input_is_kept(root: Path) -> None:
    report = read(root, f"reports/{NAME}/clean.json")
    assert report["reasons"] == {
        "missing_input": 1,
        "unknown_image": 1,
        "unknown_label": 1,
        "unreadable_image_in_image": 4,
    }
    assert report["kept"] + report["rejected"] == report["raw"] == 560
    rows = read_rows(root / f"data/clean/{NAME}/rows.parquet")
    assert [int((rows[name].str.len() == 0).sum()) for name in ("image", "text")] == [1, 1]


def test_the_questions_of_an_image_are_in_one_split(root: Path) -> None:
    found = [read_rows(root / f"data/split/{NAME}/{split}.parquet") for split in ("train", "validation", "test")]
    groups = [set(rows["group"]) for rows in found]
    assert not groups[0] & groups[1] and not (groups[0] | groups[1]) & groups[2]
    assert len(found[2]) == 120


def test_it_beats_what_each_input_tells_alone(root: Path) -> None:
    metrics = read(root, f"reports/{NAME}/metrics.json")
    own = metrics["test"]["accuracy"]["value"]
    assert set(metrics["floor"]) == {
        "majority_class",
        "majority_of_text",
        "text_naive_bayes",
        "text_tfidf_logistic_regression",
        "image_logistic_regression",
    }
    for other in (*metrics["floor"].values(), *metrics["alone"].values()):
        assert own > other["accuracy"]["value"] + 0.15
    for found in metrics["alone"].values():
        assert found["accuracy"]["low"] <= found["accuracy"]["value"] <= found["accuracy"]["high"]
    report = (root / f"reports/{NAME}/report.html").read_text()
    assert "Each input alone" in report and "text alone" in report
    for page in ("explore", "examine"):
        assert "it failed" not in (root / f"reports/{NAME}/{page}.json").read_text(), page


def test_a_bundle_takes_any_number_of_rows_and_tokens(root: Path) -> None:
    signature = read(root, f"models/onnx/{NAME}/signature.json")
    assert {tensor["name"]: tensor["shape"] for tensor in signature["inputs"]} == {
        "image": ["batch", 3, 16, 16],
        "input_ids": ["batch", "sequence"],
        "attention_mask": ["batch", "sequence"],
        "given": ["batch", 2],
    }
    assert [field.get("optional", False) for field in signature["fields"]] == [True, True, False]
    assert set(signature["preprocessing"]["image"]) & set(signature["preprocessing"]["text"]) == set()
    assert read(root, f"reports/{NAME}/export.json")["validation"]["agreement"] == 1.0


def test_a_server_answers_both_inputs_or_one(root: Path) -> None:
    png, colour, _ = shapes.picture(20_000)
    image, asked = base64.b64encode(png).decode(), "what colour is it?"
    with live_server.running(root) as server:

        def told(content: dict[str, Any]) -> Any:
            return server.ask("POST", f"/models/{NAME}", json.dumps(content).encode(), Content_Type="application/json")

        both, seen, read_alone = told({"image": image, "text": asked}), told({"image": image}), told({"text": asked})
        file = server.ask("POST", f"/models/{NAME}", png, Content_Type="image/png")
        inputs = [
            {"name": "image", "datatype": "BYTES", "shape": [1], "data": [image]},
            {"name": "text", "datatype": "BYTES", "shape": [1], "data": [asked]},
        ]
        tensors = [
            server.ask("POST", f"/v2/models/{NAME}/infer", json.dumps({"inputs": some}).encode())
            for some in (inputs, inputs[1:])
        ]
        bad = [
            told({}),
            told({"image": image[:40], "text": asked}),
            told({"image": "?", "text": asked}),
            told({"text": 5}),
            told({"question": asked}),
        ]
    assert both.status == 200, both.content
    assert both.json["labels"][0]["label"] == colour
    assert seen.status == read_alone.status == 200
    assert file.json["labels"] == seen.json["labels"] != both.json["labels"]
    assert {each["label"] for each in read_alone.json["labels"][:3]} == set(shapes.COLOURS)
    classes = read(root, f"models/onnx/{NAME}/signature.json")["target"]["classes"]
    logits = np.array([answer.json["outputs"][0]["data"] for answer in tensors])
    assert classes[logits[0].argmax()] == colour
    assert not np.allclose(logits[0], logits[1])
    assert [answer.status for answer in bad] == [400] * 5
    said = [answer.json["error"] for answer in bad]
    assert said[0] == "neither an image nor a text: send one of them, or both"
    assert (
        "cannot be read" in said[1] and "base64" in said[2] and "a text" in said[3] and "no field 'question'" in said[4]
    )
    assert not any("\n" in each for each in said)


def test_drift_and_contest_read_both_inputs(root: Path) -> None:
    folder, rows = root / f"models/onnx/{NAME}", read_rows(root / f"data/split/{NAME}/test.parquet")
    rows.loc[3, "image"], rows.loc[5, "text"] = b"", ""
    sample = measuring.rows_sample(folder, rows)
    assert {"image: brightness", "text: length in words"} <= set(sample.numbers)
    found = contest.compare(rows, folder, folder, margin=0.01, resamples=20, seed=1)
    assert found["not_worse"] and found["refused"] == {"challenger": 0, "champion": 0}
