"""Named entities through the whole chain: from CoNLL's columns to served spans above their floors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import chain_project
import live_server
from chainrule import cli
from chainrule.drift import measuring
from chainrule.fields import spans
from chainrule.release import contest, trial
from chainrule.serving import plain
from chainrule.serving.bundle import read as read_bundle
from chainrule.serving.limits import Limits
from chainrule.serving.padding import together

RECIPE = "names"
FIRST = ("Anna", "Otto", "Vera", "Nils", "Ida", "Karl")
LAST = ("Berg", "Stein", "Vogel", "Lang", "Roth")
PLACES = ("Bonn", "Berg", "Bad Homburg", "Stein", "Ost Berlin")
SAID = (
    "met {0} in {1} .",
    "flew to {1} with {0} , who laughed .",
    "is what {0} said .",
    "{1} was cold .",
    "nobody came .",
)
BLOCK: dict[str, Any] = {
    "task": "token_classification",
    "modality": "text",
    "target": "spans",
    "seed": 3,
    "source": {"kind": "conll", "path": "data/names.conll"},
    "incoming": {"kind": "conll"},
    "clean": {"near_duplicates": 1.0},
    "split": {"tolerance": 1.0},
    "augment": {"copies": 1},
    "base": {"from": "nothing"},
    "net": {
        "name": "encoder",
        "layers": 1,
        "width": 32,
        "heads": 2,
        "feed_forward": 64,
        "max_length": 16,
        "dropout": 0.0,
    },
    "pretrain": {
        "objective": {"name": "masked_language"},
        "tokenizer": {"vocabulary": 160, "windows": {"overlap": 4, "most": 8}},
        "training": {"epochs": 1, "batch_size": 16},
    },
    "finetune": {
        "strategy": {"name": "full"},
        "epochs": 6,
        "batch_size": 8,
        "learning_rate": 0.005,
        "patience": None,
        "precision": "fp32",
    },
    "evaluate": {
        "resamples": 100,
        "examine": {
            "rows": 30,
            "explained": 1,
            "explain_runs": 16,
            "explain_steps": 4,
            "passes": 2,
            "surface_steps": 2,
            "surface_rows": 10,
            "robustness": {"rows": 10, "severities": [3], "steps": 2},
        },
    },
    "export": {},
    "retrain": {},
}


def sentences(count: int) -> str:
    """Return documents of a few sentences each, tagged as IOB1."""
    drawn = np.random.default_rng(0)
    lines = []
    for number in range(count):
        if number % 4 == 0:
            lines += ["-DOCSTART- O", ""]
        person = [str(drawn.choice(FIRST)), str(drawn.choice(LAST))]
        place = str(drawn.choice(PLACES)).split()
        for _ in range(int(drawn.integers(1, 4))):
            lines += [f"n{number} O", "says O"]
            for word in str(drawn.choice(SAID)).split():
                tagged = {"{0}": (person, "PER"), "{1}": (place, "LOC")}.get(word)
                lines += [f"{each} I-{tagged[1]}" for each in tagged[0]] if tagged else [f"{word} O"]
        lines.append("")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that the chain was run in."""
    root = tmp_path_factory.mktemp("names")
    (root / "data").mkdir()
    (root / "data" / "names.conll").write_text(sentences(160), encoding="utf-8")
    chain_project.build(root, {RECIPE: BLOCK})
    return root


def read(root: Path, report: str) -> Any:
    return json.loads((root / "reports" / RECIPE / report).read_text())


def test_no_part_of_its_pages_fails(root: Path) -> None:
    for report in ("explore", "examine"):
        assert "it failed" not in (root / "reports" / RECIPE / f"{report}.json").read_text(), report


def test_documents_are_groups_and_the_scheme_is_said(root: Path) -> None:
    noted = dict(read(root, "ingest.json")["noted"])
    assert noted == {"sentences with tags of IOB1": 160, "documents": 40}
    splits = {
        name: set(pd.read_parquet(root / "data" / "split" / RECIPE / f"{name}.parquet")["group"])
        for name in ("train", "validation", "test")
    }
    assert not (splits["train"] & splits["test"] or splits["train"] & splits["validation"])
    assert sum(map(len, splits.values())) == 40


def test_copies_keep_their_spans_whole(root: Path) -> None:
    rows = pd.read_parquet(root / "data" / "augmented" / RECIPE / "train.parquet")
    copies = rows[rows["id"].str.contains("+", regex=False)]
    assert len(copies) * 2 == len(rows)
    names = {*FIRST, *LAST, *(word for place in PLACES for word in place.split())}
    for text, value in zip(copies["text"], copies["spans"], strict=True):
        assert all(set(text[start:end].split()) <= names for start, end, _ in spans.read(value))


def test_it_is_better_than_its_floors(root: Path) -> None:
    scores = read(root, "metrics.json")
    assert set(scores["floor"]) == {"most_frequent_tag", "logistic_regression"}
    assert scores["test"]["span_f1"]["value"] > max(0.85, scores["floor"]["most_frequent_tag"]["span_f1"]["value"])
    assert set(scores["test"]["per_class"]) == {"LOC", "PER"}
    assert set(scores["test"]["errors"]) == {"type", "boundary", "both", "spurious", "missed"}
    page = (root / "reports" / RECIPE / "report.html").read_text(encoding="utf-8")
    assert "Kinds of mistakes" in page and "Span F1" in page


def test_a_server_answers_with_spans_and_their_places(root: Path) -> None:
    sent = "nobody  says  Vera Stein met Otto Lang in Bad Homburg . " * 3
    with live_server.running(root) as server:
        found = server.ask("POST", f"/models/{RECIPE}", sent.encode(), Content_Type="text/plain").json
        same = server.ask("POST", f"/models/{RECIPE}", found["text"].encode(), Content_Type="text/plain").json
        why = server.ask("POST", f"/models/{RECIPE}?explain=occlusion", sent.encode(), Content_Type="text/plain")
        empty = server.ask("POST", f"/models/{RECIPE}", b"  ", Content_Type="text/plain")
        page = server.ask("GET", "/tasks/token_classification/view.js")
    assert found["text"] == " ".join(sent.split())
    said = [(span["label"], span["text"]) for span in found["spans"]]
    assert [found["text"][span["start"] : span["end"]] for span in found["spans"]] == [text for _, text in said]
    assert said == [("PER", "Vera Stein"), ("PER", "Otto Lang"), ("LOC", "Bad Homburg")] * 3
    assert all(0 < span["probability"] <= 1 for span in found["spans"])
    # What was sent is what is read: the text is not said again.
    assert "text" not in same and same["spans"] == found["spans"]
    assert why.status == 400 and "an answer for each of its words" in why.json["error"]
    assert empty.status == 400 and "the text is empty" in empty.json["error"]
    assert page.status == 200


def test_what_a_server_saw_is_measured_without_what_filled_it_up(root: Path) -> None:
    bundle = root / "models" / "onnx" / RECIPE
    content = read_bundle(bundle, RECIPE, "1")
    texts = ["Vera Stein met Otto Lang in Bonn .", "nobody came . " * 12]
    rows = [plain.prepare(content, {"text": text}, Limits()) for text in texts]
    both = together(rows, content.padding)
    filled = [{name: array[row : row + 1] for name, array in both.items()} for row in range(2)]
    assert filled[0]["input_ids"].shape != rows[0]["input_ids"].shape
    alone, beside = (measuring.served_sample(bundle, each) for each in (rows, filled))
    assert alone.words == beside.words
    for name, numbers in alone.numbers.items():
        np.testing.assert_allclose(numbers, beside.numbers[name], atol=1e-5)
    # Words that two windows share are counted once.
    assert max(map(len, alone.words or [])) == 24


def test_versions_are_compared_by_span_f1(root: Path) -> None:
    bundle = root / "models" / "onnx" / RECIPE
    rows = pd.read_parquet(root / "data" / "split" / RECIPE / "test.parquet")
    found = contest.compare(rows, bundle, bundle, margin=0.01, resamples=50, seed=0)
    assert found["primary"]["name"] == "span_f1" and found["difference"]["value"] == 0
    trial.check_graphs(read_bundle(bundle, RECIPE, "1"))


def test_tensors_that_no_text_makes_are_refused(root: Path) -> None:
    def tensor(name: str, *shape: int, value: int = 1) -> dict[str, Any]:
        return {"name": name, "datatype": "INT64", "shape": [1, 1, *shape], "data": [value] * int(np.prod(shape))}

    with live_server.running(root) as server:
        asked = [tensor("input_ids", 3), tensor("attention_mask", 3), tensor("places", 3, 4, value=9)]
        found = server.ask("POST", f"/v2/models/{RECIPE}/infer", json.dumps({"inputs": asked}).encode())
    assert found.status == 400 and "places has 9 in column 2; this model takes 0 to 1 there" in found.json["error"]


def test_a_file_of_rows_is_answered_in_the_form_that_a_source_reads(root: Path) -> None:
    lines = ["nobody says Vera Stein met Ida Roth in Bonn .", "nobody came ."]
    (root / "asked.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    words = ["predict", str(root / "models" / "onnx" / RECIPE), str(root / "asked.jsonl")]
    words += ["--out", str(root / "said.jsonl")]
    assert cli.main(words) == 0
    said = [json.loads(line)["spans"] for line in (root / "said.jsonl").read_text().splitlines()]
    assert [span["text"] for span in said[0]] == ["Vera Stein", "Ida Roth", "Bonn"] and said[1] == []
