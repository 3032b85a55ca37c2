"""Detection through the whole chain: from images and XML files to served boxes above their floors."""

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

NAME, CLASSES = "shapes", ["bright", "dark"]
BLOCK: dict[str, Any] = {
    "task": "detection",
    "modality": "image",
    "target": "boxes",
    "seed": 3,
    "source": {"kind": "voc", "path": "data/mine", "classes": [*CLASSES]},
    "incoming": {"kind": "voc"},
    "clean": {"normalise": {"mode": "L", "size": 48}, "near_duplicates": 0.0, "most_bad": 0.2},
    "split": {"tolerance": 1.0},
    "augment": {"copies": 1},
    "base": {"from": "nothing"},
    "net": {"name": "dsdnet", "width": 16, "depth": 1, "stages": 2, "stem": 2, "dropout": 0.0},
    "pretrain": {"objective": {"name": "none"}},
    "finetune": {
        "strategy": {"name": "full"},
        "epochs": 8,
        "batch_size": 8,
        "learning_rate": 0.01,
        "precision": "fp32",
        "ema": None,
        "distort": {"flip": True, "shift": 2, "scale": 0.1},
    },
    "evaluate": {
        "resamples": 100,
        "examine": {
            "rows": 12,
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
Box = tuple[str, int, int, int, int]


def scene(number: int, height: int = 48, width: int = 64) -> tuple[np.ndarray, list[Box]]:
    """Bright and dark rectangles on noise: none, one or two of each."""
    drawn = np.random.default_rng(number)
    pixels, boxes = drawn.integers(70, 130, (height, width)), []
    for name, level in (("bright", 230), ("dark", 10)):
        for _ in range(drawn.integers(0, 3)):
            (high, wide), top = drawn.integers(8, 16, 2), 0
            top, left = int(drawn.integers(0, height - high)), int(drawn.integers(0, width - wide))
            pixels[top : top + high, left : left + wide] = level
            boxes.append((name, left, top, left + int(wide), top + int(high)))
    return pixels.astype(np.uint8), boxes


def xml(boxes: list[Box], height: int = 48, width: int = 64) -> bytes:
    corners = ("xmin", "ymin", "xmax", "ymax")
    objects = "".join(
        f"<object><name>{name}</name><bndbox>"
        f"{''.join(f'<{tag}>{at}</{tag}>' for tag, at in zip(corners, place, strict=True))}</bndbox></object>"
        for name, *place in boxes
    )
    size = f"<size><width>{width}</width><height>{height}</height></size>"
    return f"<annotation>{size}{objects}</annotation>".encode()


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project in which the chain was run."""
    root = tmp_path_factory.mktemp(NAME)
    for number in range(48):
        pixels, boxes = scene(number)
        for name, content in ((f"images/{number}.png", png(pixels)), (f"Annotations/{number}.xml", xml(boxes))):
            (root / "data/mine" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "data/mine" / name).write_bytes(content)
    wrong = root / "data/mine/Annotations"
    (wrong / "3.xml").write_bytes(xml([("bright", 70, 2, 80, 9)]))
    (wrong / "4.xml").write_bytes(xml([("grey", 1, 2, 8, 9)]))
    (wrong / "5.xml").unlink()
    (wrong / "lone.xml").write_bytes(xml([]))
    (wrong / "6.xml").write_bytes(xml([*scene(6)[1], ("dark", 5, 5, 5, 5)]))
    chain_project.build(root, {NAME: BLOCK})
    return root


def read(root: Path, name: str) -> Any:
    return json.loads((root / name).read_text())


def test_what_cannot_be_used_is_counted_with_its_reason(root: Path) -> None:
    report = read(root, f"reports/{NAME}/clean.json")
    assert report["reasons"] == {
        "annotation_without_image": 1,
        "box_outside_image": 1,
        "image_without_annotation": 1,
        "unknown_class": 1,
    }
    assert report["repairs"]["box_without_area"] == 1
    assert report["kept"] + report["rejected"] == report["raw"] == 49


def test_it_beats_both_floors_by_its_own_metric(root: Path) -> None:
    metrics = read(root, f"reports/{NAME}/metrics.json")
    own = metrics["test"]["mean_average_precision"]
    assert own["low"] <= own["value"] <= own["high"]
    assert list(metrics["floor"]) == ["mean_box", "usual_boxes"]
    for floor in metrics["floor"].values():
        assert own["value"] > floor["mean_average_precision"]["value"]
    assert metrics["test"]["ap50"]["value"] > 0.5
    assert set(metrics["test"]["per_class"]) == set(CLASSES)


def test_its_pages_say_what_boxes_need(root: Path) -> None:
    report = (root / f"reports/{NAME}/report.html").read_text()
    for said in ("mAP@[.5:.95]", "AP50", "Worst images", "Kinds of mistakes", "Precision and recall", '<rect class="'):
        assert said in report, said
    for page in ("explore", "examine"):
        assert "it failed" not in (root / f"reports/{NAME}/{page}.json").read_text(), page
    assert "boxes of an image" in (root / f"reports/{NAME}/data.html").read_text()


def test_a_bundle_answers_with_places_and_scores_of_any_number_of_images(root: Path) -> None:
    signature = read(root, f"models/onnx/{NAME}/signature.json")
    assert signature["inputs"][0]["shape"] == ["batch", 1, 48, 48]
    assert [(output["name"], output["shape"]) for output in signature["outputs"]] == [
        ("boxes", ["batch", 144, 4]),
        ("scores", ["batch", 144, 2]),
    ]
    assert 0 < signature["target"]["threshold"] < 1 and 0 < signature["target"]["overlap"] < 1


def test_a_server_answers_in_pixels_of_the_image_that_was_sent(root: Path) -> None:
    pixels, boxes = scene(1001)
    large = np.repeat(np.repeat(pixels, 3, axis=0), 2, axis=1)
    with live_server.running(root) as server:
        answer = server.ask("POST", f"/models/{NAME}", png(large), Content_Type="image/png")
        few = server.ask("POST", f"/models/{NAME}?threshold=0.01&most=2", png(large), Content_Type="image/png")
        refused = [
            server.ask("POST", f"/models/{NAME}?{asked}", png(large), Content_Type="image/png")
            for asked in ("threshold=2", "most=0", "most=1.5", "unsure_below=0.5")
        ]
        broken = server.ask("POST", f"/models/{NAME}", png(large)[:60], Content_Type="image/png")
        view = server.ask("GET", "/answers/boxes.js")
    assert answer.status == 200, answer.content
    assert (answer.json["width"], answer.json["height"]) == (128, 144)
    true = np.array([(2 * left, 3 * top, 2 * right, 3 * bottom) for _, left, top, right, bottom in boxes])
    found = [(each["label"], each) for each in answer.json["boxes"]]
    assert found
    for (name, *_), place in zip(boxes, true, strict=True):
        off = [
            np.abs(np.array([each[side] for side in ("left", "top", "right", "bottom")]) - place).max()
            for label, each in found
            if label == name
        ]
        assert min(off) < 12, (name, place, found)
    assert len(few.json["boxes"]) == 2 and few.json["threshold"] == 0.01
    assert [each.status for each in refused] == [400] * 4
    assert "most must be a whole number from 1 to 100" in refused[1].json["error"]
    assert broken.status == 400 and "cannot be read" in broken.json["error"]
    assert view.status == 200


def test_drift_and_contest_read_boxes(root: Path) -> None:
    folder, rows = root / f"models/onnx/{NAME}", read_rows(root / f"data/split/{NAME}/test.parquet")
    sample = measuring.rows_sample(folder, rows)
    assert "labels, how many dark" in sample.numbers and "labels, how many" in sample.numbers
    found = contest.compare(rows, folder, folder, margin=0.01, resamples=20, seed=1)
    assert found["not_worse"] and found["difference"]["value"] == 0
