"""Documents longer than a window, whose class stands in their last paragraph alone: read whole, or cut and said so."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chain_project
import live_server
from chainrule.recipes.check import check
from chainrule.system.files import read_json

DATA = chain_project.STAGES[: chain_project.STAGES.index("finetune")]
MODEL = ("finetune", "evaluate")
WORDS = ("the", "of", "town", "river", "and", "stone", "house", "a", "road", "bridge", "market", "old")
ENDS = {"praise": ("splendid", "superb"), "blame": ("dreadful", "awful")}
QUICK: dict[str, Any] = {
    "rows": 20,
    "explained": 1,
    "explain_runs": 16,
    "explain_steps": 4,
    "passes": 2,
    "surface_steps": 2,
    "surface_rows": 10,
    "robustness": {"rows": 10, "severities": [3], "steps": 2},
}


def documents(count: int) -> list[tuple[str, str]]:
    """Return texts of 60 to 150 words, the last of which alone say what they are."""
    drawn = np.random.default_rng(0)
    rows = []
    for number in range(count):
        label = ("praise", "blame")[number % 2]
        words = [*drawn.choice(WORDS, drawn.integers(60, 150)), f"n{number}", *drawn.choice(ENDS[label], 2)]
        rows.append((" ".join(words), label))
    return rows


def block(windows: dict[str, int] | None) -> dict[str, Any]:
    return {
        "task": "text_classification",
        "modality": "text",
        "target": "label",
        "seed": 3,
        "source": {"kind": "delimited", "path": "rows.csv"},
        "incoming": {"kind": "delimited"},
        "clean": {"near_duplicates": 1.0},
        "split": {"tolerance": 1.0},
        "augment": {"copies": 0},
        "base": {"from": "nothing"},
        "net": {"name": "encoder", "layers": 1, "width": 32, "heads": 2, "feed_forward": 64, "max_length": 32},
        "pretrain": {"objective": {"name": "none"}, "tokenizer": {"vocabulary": 400, "windows": windows}},
        "finetune": {
            "strategy": {"name": "full"},
            "epochs": 16,
            "batch_size": 16,
            "learning_rate": 0.01,
            "patience": None,
            "precision": "fp32",
        },
        "evaluate": {"resamples": 100, "examine": copy.deepcopy(QUICK)},
        "export": {},
        "retrain": {},
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("documents")
    lines = "".join(f"{text},{label}\n" for text, label in documents(480))
    (root / "rows.csv").write_text(f"text,label\n{lines}")
    chain_project.write(root, {"whole": block({"overlap": 4, "most": 12}), "cut": block(None)})
    check(root)
    chain_project.run(root, "whole", *chain_project.STAGES)
    chain_project.run(root, "cut", *DATA, *MODEL)
    return root


def test_a_class_that_stands_in_the_last_paragraph_is_told_and_what_is_cut_is_counted(made: Path) -> None:
    def accuracy(name: str) -> float:
        return float(read_json(made / "reports" / name / "metrics.json")["test"]["accuracy"]["value"])

    assert accuracy("whole") > 0.9
    assert accuracy("cut") < 0.75
    trained = read_json(made / "reports" / "whole" / "finetune.json")
    assert "cut" not in trained
    assert read_json(made / "reports" / "cut" / "finetune.json")["cut"] == trained["rows"]


def test_no_part_of_its_pages_fails(made: Path) -> None:
    for report in ("explore", "examine"):
        text = (made / "reports" / "whole" / f"{report}.json").read_text()
        assert "it failed" not in text, text


def test_a_server_reads_all_of_it_and_says_which_words_counted(made: Path) -> None:
    filler = " ".join(WORDS * 9)
    with live_server.running(made) as server:

        def asked(text: str, query: str = "") -> Any:
            answer = server.ask("POST", f"/models/whole{query}", text.encode(), Content_Type="text/plain")
            assert answer.status == 200, answer.content
            return answer.json

        assert asked(f"{filler} superb splendid")["labels"][0]["label"] == "praise"
        assert asked(f"{filler} awful dreadful")["labels"][0]["label"] == "blame"
        why = asked(f"{' '.join(WORDS * 4)} awful dreadful", "?explain=occlusion")["explanation"]
    most = max(why["parts"], key=lambda part: part["weight"])
    assert "awful" in most["text"] or "dreadful" in most["text"]
