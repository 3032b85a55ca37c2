"""Every task that is no plain classification through the chain: from a table to a served answer above its floor."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import chain_project
import live_server

QUICK: dict[str, Any] = {
    "rows": 40,
    "explained": 1,
    "explain_runs": 16,
    "explain_steps": 4,
    "passes": 2,
    "surface_steps": 2,
    "surface_rows": 10,
    "robustness": {"rows": 10, "severities": [3], "steps": 2},
}
NOUNS = ("boat", "tree", "house", "river", "stone", "lamp", "chair", "road", "bird", "cloud", "door", "field")


def block(task: str, modality: str, target: str, **settings: Any) -> dict[str, Any]:
    """Return a short recipe of a task."""
    net = {"name": "cnn", "width": 8, "depth": 2, "dropout": 0.0}
    if modality == "text":
        net = {"name": "encoder", "layers": 1, "width": 32, "heads": 2, "feed_forward": 64, "max_length": 32}
    table = {"kind": "delimited", "files": {"all": "rows.csv"}, "separator": ";"}
    training = {
        "epochs": 30 if modality == "text" else 12,
        "batch_size": 16,
        "learning_rate": 0.01,
        "patience": None,
        "precision": "fp32",
    }
    tokenizer = {"pretrain": {"tokenizer": {"vocabulary": 200}}} if modality == "text" else {"pretrain": {}}
    return {
        "task": task,
        "modality": modality,
        "target": target,
        "seed": 3,
        "source": {**table, "path": "data/mine"},
        "incoming": {"kind": "delimited"},
        "clean": {"near_duplicates": 0.0 if modality == "image" else 1.0, **settings.pop("clean", {})},
        "split": {"tolerance": 1.0},
        "augment": {"copies": 0},
        "base": {"from": "nothing"},
        "net": net,
        "pretrain": {"objective": {"name": "none"}, **tokenizer["pretrain"]},
        "finetune": {"strategy": {"name": "full"}, **training},
        "evaluate": {"resamples": 100, "examine": QUICK},
        "export": {},
        "retrain": {},
    }


def picture(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def squares(folder: Path, count: int) -> list[dict[str, Any]]:
    """Write images with a bright square on noise; return how large it is, and where it lies."""
    folder.mkdir(parents=True)
    drawn = np.random.default_rng(0)
    rows = []
    for number in range(count):
        pixels = drawn.integers(0, 60, (12, 12), np.uint8)
        side, top, left = drawn.integers(2, 9), *drawn.integers(0, 4, 2)
        pixels[top : top + side, left : left + side] = 230
        (folder / f"{number}.png").write_bytes(picture(pixels))
        marks = [name for name, is_so in (("large", side > 5), ("top", top < 2), ("left", left < 2)) if is_so]
        rows.append({"image": f"{number}.png", "target": 30_000 * int(side), "labels": ";".join(marks) or "none"})
    return rows


def areas(root: Path) -> dict[str, Any]:
    pd.DataFrame(squares(root / "data" / "mine", 200))[["image", "target"]].to_csv(
        root / "data" / "mine" / "rows.csv", index=False
    )
    return block("image_regression", "image", "number", clean={"normalise": {"mode": "L"}})


def marks(root: Path) -> dict[str, Any]:
    pd.DataFrame(squares(root / "data" / "mine", 200))[["image", "labels"]].to_csv(
        root / "data" / "mine" / "rows.csv", index=False
    )
    return block("multi_label", "image", "labels", clean={"normalise": {"mode": "L"}})


def sentences(count: int) -> list[tuple[str, set[str]]]:
    drawn = np.random.default_rng(1)
    return [(f"the {' and the '.join(chosen)}", set(chosen)) for chosen in (
        list(drawn.choice(NOUNS, 3, replace=False)) for _ in range(count)
    )]  # fmt: skip


def topics(root: Path) -> dict[str, Any]:
    (root / "data" / "mine").mkdir(parents=True)
    rows = []
    for text, nouns in sentences(200):
        found = [topic for topic, of in (("water", {"boat", "river"}), ("home", {"lamp", "door"})) if nouns & of]
        rows.append({"text": text, "labels": json.dumps(found)})
    pd.DataFrame(rows).drop_duplicates("text").to_csv(root / "data" / "mine" / "rows.csv", index=False)
    return block("multi_label", "text", "labels")


TASKS: dict[str, tuple[Callable[[Path], dict[str, Any]], str]] = {
    "areas": (areas, "mean_absolute_error"),
    "marks": (marks, "macro_f1"),
    "topics": (topics, "macro_f1"),
}


@pytest.fixture(scope="module", params=TASKS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, str]:
    """A recipe's name, the project that its chain was run in, and its PRIMARY."""
    name: str = request.param
    make, primary = TASKS[name]
    root = tmp_path_factory.mktemp(name)
    chain_project.build(root, {name: make(root)})
    return name, root, primary


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_no_part_of_its_pages_fails(made: tuple[str, Path, str]) -> None:
    name, root, _ = made
    for report in ("explore", "examine"):
        assert "it failed" not in (root / "reports" / name / f"{report}.json").read_text(), report


def test_it_is_measured_by_its_own_metric_and_beats_its_floor(made: tuple[str, Path, str]) -> None:
    name, root, primary = made
    metrics = read(root / "reports" / name / "metrics.json")
    own, floors = metrics["test"][primary], metrics["floor"]
    assert own["low"] <= own["value"] <= own["high"]
    assert len(floors) >= 2
    plain = "mean" if primary == "mean_absolute_error" else next(floor for floor in floors if "regression" not in floor)
    better = -1 if primary == "mean_absolute_error" else 1
    assert better * own["value"] > better * floors[plain][primary]["value"], floors
    page = (root / "reports" / name / "report.html").read_text()
    assert primary.replace("_", " ").lower() in page.lower()
    signature = read(root / "models" / "onnx" / name / "signature.json")
    assert signature["version"] == 2 and signature["quality"]["primary"]["name"] == primary
    assert primary.replace("_", " ").lower() in (root / "models" / "onnx" / name / "MODEL_CARD.md").read_text().lower()


def test_a_server_answers_with_it(made: tuple[str, Path, str]) -> None:
    name, root, _ = made
    with live_server.running(root) as server:
        if name == "topics":
            answer = server.ask(
                "POST", f"/models/{name}", b"the boat and the river and the lamp", Content_Type="text/plain"
            )
        else:
            pixels = np.full((12, 12), 30, np.uint8)
            pixels[1:9, 1:9] = 230
            answer = server.ask("POST", f"/models/{name}", picture(pixels), Content_Type="image/png")
        page = server.ask("GET", f"/tasks/{read(root / 'models' / 'onnx' / name / 'signature.json')['task']}/view.js")
    assert answer.status == 200, answer.content
    if name == "areas":
        assert answer.json["value"] == pytest.approx(240_000, abs=75_000)
    else:
        given = {each["label"] for each in answer.json["labels"] if each["given"]}
        assert given >= ({"water", "home"} if name == "topics" else {"large"})
    assert page.status == 200
