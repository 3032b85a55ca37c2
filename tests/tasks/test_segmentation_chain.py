"""Segmentation through the whole chain: from two folders to a served mask above its floor."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import chain_project
import live_server
from chainrule.drift import measuring
from chainrule.release import contest
from chainrule.system.files import read_rows

NAME, CLASSES = "shapes", ["ground", "rows", "columns"]
BLOCK: dict[str, Any] = {
    "task": "segmentation",
    "modality": "image",
    "target": "mask",
    "seed": 3,
    "source": {"kind": "mask_folder", "path": "data/mine", "classes": [*CLASSES]},
    "incoming": {"kind": "mask_folder", "classes": [*CLASSES]},
    "clean": {"normalise": {"mode": "L"}, "near_duplicates": 0.0},
    "split": {"tolerance": 1.0},
    "augment": {"copies": 1},
    "base": {"from": "nothing"},
    "net": {"name": "dsdnet", "width": 12, "depth": 2, "stages": 2, "stem": 1, "dropout": 0.0},
    "pretrain": {"objective": {"name": "none"}},
    "finetune": {
        "strategy": {"name": "full"},
        "epochs": 6,
        "batch_size": 8,
        "learning_rate": 0.01,
        "precision": "fp32",
        "distort": {"window": 28, "flip": True, "crop": 0.8, "shift": 0},
    },
    "evaluate": {
        "resamples": 100,
        "examine": {
            "rows": 20,
            "explained": 1,
            "explain_runs": 16,
            "explain_steps": 4,
            "passes": 2,
            "surface_steps": 2,
            "surface_rows": 8,
            "robustness": {"rows": 6, "severities": [3], "steps": 2},
        },
    },
    "export": {"variants": {"int8": "never", "fp16": "never"}},
    "retrain": {},
}


def scene(number: int, height: int = 28, width: int = 36) -> tuple[np.ndarray, np.ndarray]:
    """Squares of stripes, along and across, on noise: which is which no pixel tells, and no mean around one."""
    drawn = np.random.default_rng(number)
    pixels, places = drawn.integers(70, 130, (height, width)), np.zeros((height, width), np.uint8)
    down, across = np.mgrid[0:height, 0:width]
    for place, pattern in ((1, down % 2 == 0), (2, across % 2 == 0)):
        side, top, left = drawn.integers(9, 14), drawn.integers(0, height - 14), drawn.integers(0, width - 14)
        box = (slice(top, top + side), slice(left, left + side))
        pixels[box] = np.where(pattern[box], 150, 50)
        places[box] = place
    return pixels.astype(np.uint8), places


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project in which the chain was run."""
    root = tmp_path_factory.mktemp(NAME)
    for number in range(36):
        for folder, array in zip(("images", "masks"), scene(number), strict=True):
            (root / "data/mine" / folder).mkdir(parents=True, exist_ok=True)
            (root / "data/mine" / folder / f"{number}.png").write_bytes(png(array))
    wrong = root / "data/mine/masks"
    (wrong / "3.png").write_bytes(png(scene(3)[1][:, :20]))
    (wrong / "4.png").write_bytes(png(scene(4)[1] + np.uint8(9)))
    (wrong / "5.png").unlink()
    (wrong / "lone.png").write_bytes(png(scene(6)[1]))
    chain_project.build(root, {NAME: BLOCK})
    return root


def read(root: Path, name: str) -> Any:
    return json.loads((root / name).read_text())


def test_what_cannot_be_used_is_counted_with_its_reason(root: Path) -> None:
    report = read(root, f"reports/{NAME}/clean.json")
    assert report["reasons"] == {
        "image_without_mask": 1,
        "levels_of_no_class": 1,
        "mask_of_another_size": 1,
        "mask_without_image": 1,
    }
    assert report["kept"] + report["rejected"] == report["raw"] == 37


def test_it_beats_both_floors_by_its_own_metric(root: Path) -> None:
    metrics = read(root, f"reports/{NAME}/metrics.json")
    own = metrics["test"]["mean_iou"]
    assert own["low"] <= own["value"] <= own["high"]
    assert list(metrics["floor"]) == ["majority_class", "pixel_classifier"]
    for floor in metrics["floor"].values():
        assert own["value"] > floor["mean_iou"]["value"]
    assert set(metrics["test"]["per_class"]) == set(CLASSES)


def test_its_pages_say_what_masks_need(root: Path) -> None:
    report = (root / f"reports/{NAME}/report.html").read_text()
    for said in ("pixel error", "Least overlap", "Most confused", "Mean IoU", "distance from a border"):
        assert said in report, said
    for page in ("explore", "examine"):
        assert "it failed" not in (root / f"reports/{NAME}/{page}.json").read_text(), page
    assert "pixels of train" in (root / f"reports/{NAME}/data.html").read_text()


def test_a_bundle_takes_any_size_and_says_masks(root: Path) -> None:
    signature = read(root, f"models/onnx/{NAME}/signature.json")
    assert signature["inputs"][0]["shape"] == ["batch", 1, "height", "width"]
    assert [output["shape"] for output in signature["outputs"]] == [
        ["batch", 3, "height", "width"],
        ["batch", "height", "width"],
    ]
    assert signature["preprocessing"]["image"]["height"] is None
    assert signature["tiles"] == {"side": 512, "overlap": 128}
    assert len(read(root, f"reports/{NAME}/export.json")["shapes"]) == 3


def test_a_server_answers_with_a_mask_of_the_image_that_was_sent(root: Path) -> None:
    pixels, places = scene(1000, 40, 52)
    with live_server.running(root) as server:
        answer = server.ask("POST", f"/models/{NAME}", png(pixels), Content_Type="image/png")
        assert answer.status == 200, answer.content
        head = json.dumps(
            {
                "inputs": [
                    {
                        "name": "image",
                        "shape": [1, 1, *pixels.shape],
                        "datatype": "UINT8",
                        "parameters": {"binary_data_size": pixels.size},
                    }
                ],
                "outputs": [{"name": "mask", "parameters": {"binary_data": True}}],
            }
        ).encode()
        tensor = server.ask(
            "POST",
            f"/v2/models/{NAME}/infer",
            head + pixels.tobytes(),
            Inference_Header_Content_Length=str(len(head)),
        )
        broken = server.ask("POST", f"/models/{NAME}", png(pixels)[:60], Content_Type="image/png")
        view = server.ask("GET", "/answers/mask.js")
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer.json["mask"]))))
    assert found.shape == (40, 52) and (found == places).mean() > 0.8
    told = {each["class"]: each for each in answer.json["classes"]}
    assert list(told) == CLASSES
    assert told["ground"]["pixels"] == (found == 0).sum()
    assert sum(each["share"] for each in told.values()) == pytest.approx(1)
    assert tensor.status == 200
    start = int(tensor.headers["Inference-Header-Content-Length"])
    assert (np.frombuffer(tensor.content[start:], np.uint8).reshape(40, 52) == found).all()
    assert broken.status == 400 and "cannot be read" in broken.json["error"]
    assert view.status == 200


def test_drift_and_contest_read_masks(root: Path) -> None:
    folder, rows = root / f"models/onnx/{NAME}", read_rows(root / f"data/split/{NAME}/test.parquet")
    sample = measuring.rows_sample(folder, rows)
    assert f"labels, share of {CLASSES[1]}" in sample.numbers
    assert sample.vectors["features"].shape == (len(rows), 3)
    found = contest.compare(rows, folder, folder, margin=0.01, resamples=20, seed=1)
    assert found["not_worse"] and found["difference"]["value"] == 0
