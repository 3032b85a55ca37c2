"""Text generation through the chain: from a plain text to a bundle that says what a text costs and goes on with it."""

import html
import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chain_project
import live_server
from chainrule.drift import measuring
from chainrule.serving import answered, offline, plain
from chainrule.serving import bundle as bundles
from chainrule.serving.limits import Limits
from chainrule.system.files import read_rows

QUICK: dict[str, Any] = {
    "rows": 20,
    "explained": 1,
    "explain_runs": 16,
    "explain_steps": 4,
    "passes": 2,
    "surface_steps": 2,
    "surface_rows": 5,
    "robustness": {"rows": 4, "severities": [3], "steps": 2},
}
BLOCK: dict[str, Any] = {
    "task": "text_generation",
    "modality": "text",
    "target": "continuation",
    "seed": 3,
    "source": {
        "kind": "long_texts",
        "path": "data/mine/tale.txt",
        "cut": 60,
        "hold_out": {"validation": 0.1, "test": 0.2},
        "block": 2,
    },
    "incoming": {"kind": "long_texts", "cut": 60},
    "clean": {"near_duplicates": 1.0},
    "split": {"tolerance": 1.0},
    "augment": {},
    "base": {"from": "nothing"},
    "net": {"name": "gpt", "layers": 2, "width": 32, "heads": 2, "max_length": 64, "dropout": 0.0},
    "pretrain": {
        "objective": {"name": "none"},
        "tokenizer": {"kind": "characters", "max_length": 64, "vocabulary": 100, "ends": False},
    },
    "finetune": {"strategy": {"name": "full"}, "epochs": 8, "learning_rate": 0.01, "precision": "fp32"},
    "evaluate": {"resamples": 100, "examine": QUICK},
    "export": {"variants": {"fp16": "never", "calibration": 32}},
}


def tale(sentences: int) -> str:
    drawn = random.Random(0)
    who, does, what = ("anna", "ben", "carl"), ("sees", "likes"), ("the boat", "a tree", "rain")
    return "".join(f"{drawn.choice(who)} {drawn.choice(does)} {drawn.choice(what)}.\n" for _ in range(sentences))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the chain was run."""
    root = tmp_path_factory.mktemp("tale")
    (root / "data" / "mine").mkdir(parents=True)
    (root / "data" / "mine" / "tale.txt").write_text(tale(450))
    chain_project.build(root, {"tale": BLOCK})
    return root


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_no_part_of_its_pages_fails(root: Path) -> None:
    for report in ("explore", "examine"):
        assert "it failed" not in (root / "reports" / "tale" / f"{report}.json").read_text(), report


def test_line_ends_and_blanks_are_told_too(root: Path) -> None:
    rows = read_rows(root / "data" / "split" / "tale" / "train.parquet")
    assert rows["text"].str.contains("\n").all()
    assert tale(450).startswith("".join(rows["text"][:5]))


def test_it_is_scored_in_bits_beside_n_grams_of_the_same_tokens(root: Path) -> None:
    metrics = read(root / "reports" / "tale" / "metrics.json")
    own, floors = metrics["test"], metrics["floor"]
    assert sorted(name.rpartition("_")[0] or name for name in floors) == ["kneser_ney", "unigram"]
    assert own["bits_per_byte"]["value"] < 0.75 * floors["unigram"]["bits_per_byte"]["value"]
    assert own["bits_per_byte"]["low"] <= own["bits_per_byte"]["value"] <= own["bits_per_byte"]["high"]
    # A character of this text is a byte, and all but a row's first are told.
    assert own["nats_per_token"]["value"] == pytest.approx(own["bits_per_byte"]["value"] * np.log(2), rel=1e-4)
    assert own["told"]["value"] == 1.0
    for floor in floors.values():
        assert floor["told"]["value"] == 1.0
    page = (root / "reports" / "tale" / "report.html").read_text()
    assert "Hardest passages" in page and "<mark>" in page


def test_its_report_shows_what_it_writes_after_the_beginnings_of_test_rows(root: Path) -> None:
    page = (root / "reports" / "tale" / "report.html").read_text()
    shown = re.findall(r'<li><blockquote dir="auto">(.*?)</blockquote><p class="">(.*?)</p>', page, re.DOTALL)
    assert [way for _, way in shown] == ["the likeliest", "drawn at temperature 0.8"] * 4
    rows = read_rows(root / "data" / "split" / "tale" / "test.parquet")["text"].map(html.escape)
    for text, _ in shown:
        begins, written = text.split(" ▸ ")
        assert begins and rows.str.startswith(begins).any()
        assert len(written) == 80


def test_its_bundle_tells_texts_as_the_model_does(root: Path) -> None:
    bundle = bundles.read(root / "models" / "onnx" / "tale", "tale", "1")
    assert bundle.decoding is not None and bundle.decoding["end"] == []
    rows = read_rows(root / "data" / "split" / "tale" / "test.parquet")
    encoded = [plain.prepare(bundle, row, Limits()) for _, row in rows.iterrows()]
    run = answered.of_rows(bundle, answered.sessions(bundle, "fp32", 1), "it")
    found = offline.answers(run, encoded, bundle.padding)
    bits = found["nats"].sum() / np.log(2) / found["bytes"].sum()
    reported = read(root / "reports" / "tale" / "metrics.json")["test"]["bits_per_byte"]["value"]
    assert bits == pytest.approx(reported, abs=1e-4)


def test_its_rows_are_compared_for_drift(root: Path) -> None:
    rows = read_rows(root / "data" / "split" / "tale" / "test.parquet")
    sample = measuring.rows_sample(root / "models" / "onnx" / "tale", rows)
    assert len(sample) == len(rows)
    assert sample.vectors["features"].shape == (len(rows), 32)
    reported = read(root / "reports" / "tale" / "metrics.json")["test"]["bits_per_byte"]
    assert sample.numbers["predictions"].mean() == pytest.approx(reported["value"], abs=0.05)


def test_a_server_goes_on_with_a_prompt(root: Path) -> None:
    with live_server.running(root) as server:
        answer = server.ask("POST", "/models/tale", b"anna sees", Content_Type="text/plain")
        again = server.ask("POST", "/models/tale", b"anna sees", Content_Type="text/plain")
        view = server.ask("GET", "/tasks/text_generation/view.js")
    assert answer.status == 200, answer.content
    assert answer.json["text"] == again.json["text"]
    assert " " in answer.json["text"] and "." in answer.json["text"]
    assert 0.1 < answer.json["probability"] <= 1
    assert view.status == 200
