"""Translation through the chain: from pairs of files to a bundle of two graphs that write what the model writes."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

import chain_project
import live_server

NAME = "pairs"
WORDS = {
    "the": "der",
    "a": "ein",
    "dog": "Hund",
    "cat": "Kater",
    "man": "Mann",
    "bird": "Vogel",
    "tree": "Baum",
    "runs": "läuft",
    "sees": "sieht",
    "sleeps": "schläft",
    "red": "rote",
    "big": "große",
    "and": "und",
}
QUICK: dict[str, Any] = {
    "rows": 12,
    "passes": 2,
    "surface_steps": 2,
    "surface_rows": 4,
    "slices": 2,
    "robustness": {"rows": 4, "severities": [3], "steps": 2},
}
BLOCK: dict[str, Any] = {
    "task": "translation",
    "modality": "text",
    "target": "wording",
    "seed": 7,
    "source": {
        "kind": "line_pairs",
        "path": "data/pairs",
        "sides": ["en", "de"],
        "files": {"train": "train", "validation": "val", "test": "test"},
    },
    "incoming": {"kind": "delimited"},
    "clean": {"near_duplicates": 1.0},
    "split": {"test": 0},
    "augment": {},
    "base": {"from": "nothing"},
    "net": {
        "name": "encoder_decoder",
        "encoder_layers": 1,
        "decoder_layers": 1,
        "width": 32,
        "heads": 2,
        "feed_forward": 64,
        "dropout": 0.0,
        "max_length": 24,
    },
    "pretrain": {"objective": {"name": "none"}, "tokenizer": {"vocabulary": 300}},
    "finetune": {
        "strategy": {"name": "full"},
        "epochs": 10,
        "learning_rate": 0.01,
        "batch_tokens": 400,
        "patience": None,
        "precision": "fp32",
    },
    "evaluate": {"resamples": 100, "examine": QUICK},
    "export": {"variants": {"int8": "never", "fp16": "never"}},
}


def sentence(drawn: random.Random) -> str:
    def thing() -> str:
        noun = drawn.choice(["dog", "cat", "man", "bird"])
        return f"{drawn.choice(['the', 'a'])} {drawn.choice(['red ', 'big ', ''])}{noun}"

    verb = drawn.choice(["runs", "sleeps", "sees"])
    return f"{thing()} {verb}{f' {thing()}' if verb == 'sees' else ''}"


def write(folder: Path) -> None:
    """Write pairs of sentences of which every word has one other, in three parts; a few rows are no pairs."""
    folder.mkdir(parents=True)
    drawn = random.Random(0)
    rows = sorted({sentence(drawn) for _ in range(900)})
    drawn.shuffle(rows)
    parts = {"train": rows[:160], "val": rows[160:184], "test": rows[184:208]}
    for part, own in parts.items():
        other = [" ".join(WORDS[word] for word in row.split()) for row in own]
        if part == "train":
            own = [*own, "only here.", "left as it is.", "short"]
            other = [*other, "", "left as it is.", "viel zu lang " * 9]
        for side, lines in (("en", own), ("de", other)):
            (folder / f"{part}.{side}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project in which the chain was run."""
    root = tmp_path_factory.mktemp("translation")
    write(root / "data" / "pairs")
    chain_project.build(root, {NAME: BLOCK})
    return root


def report(root: Path, name: str) -> Any:
    return json.loads((root / "reports" / NAME / name).read_text())


def test_what_is_no_pair_is_counted_by_reason(root: Path) -> None:
    clean = report(root, "clean.json")
    assert clean["reasons"] == {"absurd_length_ratio": 1, "missing_translation": 1, "untranslated": 1}
    assert clean["kept"] == 208


def test_no_part_of_its_pages_fails(root: Path) -> None:
    for name in ("explore.json", "examine.json"):
        assert "it failed" not in json.dumps(report(root, name)), name
    assert report(root, "examine.json")["model"]["alignment"]["sharpest"] > 0.2


def test_it_is_scored_beside_a_dictionary_and_the_source(root: Path) -> None:
    metrics = report(root, "metrics.json")
    own, floors = metrics["test"], metrics["floor"]
    assert own["signature"].startswith("nrefs:1|case:mixed|eff:no|tok:13a")
    assert own["bleu"]["value"] > floors["copy"]["bleu"]["value"] + 20
    assert floors["dictionary"]["bleu"]["value"] > 95  # every word has one other
    html = (root / "reports" / NAME / "report.html").read_text()
    assert "n-grams" in html and "tok:13a" in html


def test_its_graphs_write_what_it_writes(root: Path) -> None:
    found = report(root, "export.json")
    assert found["validation"]["agreement"] == found["texts"]["agreement"] == 1
    assert found["validation"]["rows"] == 24
    assert {each["graph"] for each in found["shapes"]} == {"model", "decoder"}
    files = {path.name for path in (root / "models" / "onnx" / NAME).iterdir()}
    assert {"model.onnx", "decoder.onnx"} <= files


def test_a_server_writes_whole_and_piece_by_piece(root: Path) -> None:
    path, said = f"/models/{NAME}", b"the dog sleeps"
    with live_server.running(root) as server:
        whole = server.ask("POST", f"{path}?beams=1", said, Content_Type="text/plain")
        stream = server.ask("POST", f"{path}?beams=1&stream=true&attention=true", said, Content_Type="text/plain")
        empty = server.ask("POST", path, b" ", Content_Type="text/plain")
        long = server.ask("POST", path, b"dog " * 30_000, Content_Type="text/plain")
        cut = server.ask("POST", path, b"the dog sleeps. " * 20, Content_Type="text/plain")
        view = server.ask("GET", "/tasks/translation/view.js")
    assert whole.json["text"].split()[0] == "der" and 0 < whole.json["probability"] <= 1
    assert isinstance(whole.json["doubtful"], bool)
    *pieces, end = stream.content.decode().strip().split("\n\n")
    parts = [json.loads(piece.removeprefix("data: "))["text"] for piece in pieces]
    last = json.loads(end.removeprefix("event: end\ndata: "))
    assert "".join(parts) == last["text"] == whole.json["text"]
    looked = last["writing"]["attention"]
    assert len(looked["weights"]) == len(looked["from"]) and len(looked["weights"][0]) == len(looked["to"])
    assert all(abs(sum(row) - 1) < 0.01 for row in looked["weights"])
    assert (empty.status, long.status, cut.status) == (400, 413, 400)
    assert cut.json["error"] == "the text is too long; 24 tokens are read at once: send its sentences one by one"
    assert view.status == 200 and b"createView" in view.content
