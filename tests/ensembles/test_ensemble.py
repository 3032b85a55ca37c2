"""`chainrule ensemble`: one bundle that answers as its members together, or one line that says why not."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tiny_bundles
from chainrule import cli
from chainrule.evaluation.calibration import softmax
from chainrule.serving import bundle, offline, plain
from chainrule.serving.limits import Limits
from chainrule.system.files import read_json, write_rows

ROWS = 120


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Three members, which held out the same rows: two that know something of these, and one that does not."""
    (tmp_path / "params.yaml").write_text("recipes: {one: {}, two: {}, three: {}}\n")
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, size=(ROWS, 8, 8), dtype=np.uint8)
    flat = pixels.reshape(ROWS, 64) / 255
    chances = sum(softmax(flat @ tiny_bundles.image_weights(seed=seed), 1.0) for seed in (0, 1))
    rows = pd.DataFrame(
        {
            "id": [f"row-{row}" for row in range(ROWS)],
            "group": [f"group-{row // 2}" for row in range(ROWS)],
            "image": [png(each) for each in pixels],
            "label": [str(label) for label in chances.argmax(axis=1)],
        }
    )
    for seed, name in enumerate(("one", "two", "three")):
        (tmp_path / "data" / "split" / name).mkdir(parents=True)
        write_rows(tmp_path / "data" / "split" / name / "validation.parquet", rows)
        (tmp_path / "models" / "onnx").mkdir(parents=True, exist_ok=True)
        tiny_bundles.image_bundle(tmp_path / "models" / "onnx" / name, seed=seed)
    return tmp_path


def run(project: Path, *words: str) -> int:
    return cli.main(["ensemble", *words, "--root", str(project)])


def logits(project: Path, name: str, pixels: np.ndarray) -> np.ndarray:
    found = bundle.read(project / "models" / "onnx" / name, name, "0")
    opened = offline.session(bundle.graph_bytes(found, "fp32"), name, 1)
    return offline.runner(opened, name)({"image": pixels})["logits"]


def test_one_graph_answers_as_the_members_together(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, "both", "one", "two") == 0
    said = capsys.readouterr().out
    assert "one: weight 0.500" in said
    report = read_json(project / "reports" / "both" / "ensemble.json")
    assert report["max_difference"] <= 1e-5
    assert {name: found["weight"] for name, found in report["members"].items()} == {"one": 0.5, "two": 0.5}
    for name in ("one", "two"):
        found = report["compared"][name]
        assert found["challenger"] == report["value"] == 1  # the labels are what both together say
        assert found["difference"]["low"] > 0
        assert found["rows"] == ROWS
        assert found["groups"] == ROWS // 2
    # Of rows that nobody has seen, at sizes that nobody has tried.
    pixels = np.random.default_rng(5).integers(0, 256, size=(7, 1, 8, 8), dtype=np.uint8)
    members = [softmax(logits(project, name, pixels), 1.0) for name in ("one", "two")]
    mean = np.log(sum(members) / 2) / report["temperature"]
    for count in (1, 7):
        one = softmax(logits(project, "both", pixels[:count]), 1.0)
        assert one == pytest.approx(softmax(mean, 1.0)[:count], abs=1e-5)


def test_it_is_served_as_any_bundle(project: Path) -> None:
    assert run(project, "all", "one", "two", "three", "--weights", "stacked") == 0
    read = bundle.read(project / "models" / "onnx" / "all", "all", "0")
    weights = [member["weight"] for member in read.signature["members"]]
    assert sum(weights) == pytest.approx(1, abs=1e-5)
    assert weights[2] < 0.1
    pixels = np.random.default_rng(5).integers(0, 256, size=(8, 8), dtype=np.uint8)
    inputs = plain.prepare(read, {"image": png(pixels)}, Limits())
    opened = offline.session(bundle.graph_bytes(read, "fp32"), "all", 1)
    answer = plain.answer(read, "fp32", offline.runner(opened, "all")(inputs))
    assert sum(each["probability"] for each in answer["labels"]) == pytest.approx(1)
    assert {"set", "energy", "foreign"} <= set(answer)
    assert "| three |" in read.card


def test_the_same_members_give_the_same_bytes_and_replace_what_was_there(project: Path) -> None:
    assert run(project, "both", "one", "two") == 0
    place = project / "models" / "onnx" / "both"
    first = (place / "model.onnx").read_bytes()
    assert run(project, "both", "one", "two") == 0
    assert (place / "model.onnx").read_bytes() == first
    assert run(project, "both", "one", "three") == 0
    assert (place / "model.onnx").read_bytes() != first
    assert not list((project / "models" / "onnx" / ".partial").iterdir())


def unlike(**changes: Any) -> Any:
    def put(project: Path) -> None:
        tiny_bundles.image_bundle(project / "models" / "onnx" / "other", **changes)
        rows = (project / "data" / "split" / "one" / "validation.parquet").read_bytes()
        (project / "data" / "split" / "other").mkdir()
        (project / "data" / "split" / "other" / "validation.parquet").write_bytes(rows)

    return put


SMALLER = {"image": {"mode": "L", "height": 8, "width": 8, "max_pixels": 64}}


@pytest.mark.parametrize(
    ("put", "words", "said"),
    [
        (None, ("both", "one"), "at least two members, each named once"),
        (None, ("both", "one", "one"), "at least two members, each named once"),
        (None, ("two", "one", "three"), "two is a recipe, whose bundle `export` writes"),
        (None, ("a/b", "one", "two"), "'a/b' is no name of a model"),
        (None, ("both", "one", "nine"), "models/onnx/nine: not found"),
        (unlike(labels=tuple("abcdefghij")), ("both", "one", "other"), "have not the same classes: 0, 1, 2"),
        (
            unlike(preprocessing=SMALLER),
            ("both", "one", "other"),
            "one and other cannot answer as one: the preprocessing differ at image.max_pixels (1000000 and 64)",
        ),
        (unlike(), ("other", "one", "two"), "is the bundle of a model that is no ensemble"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    project: Path, capsys: pytest.CaptureFixture[str], put: Any, words: tuple[str, ...], said: str
) -> None:
    if put:
        put(project)
    before = sorted(path for path in project.rglob("*") if path.is_file())
    assert run(project, *words) != 0
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert sorted(path for path in project.rglob("*") if path.is_file()) == before


def test_members_of_other_splits_are_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = project / "data" / "split" / "two" / "validation.parquet"
    write_rows(place, pd.read_parquet(place).iloc[:40].reset_index(drop=True))
    assert run(project, "both", "one", "two") != 0
    assert "one, two share 40 validation rows, 50 are needed" in capsys.readouterr().err
