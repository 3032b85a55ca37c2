"""Counts beside a net through the chain: of texts too few for the net, told better, exported, explained, served."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chain_project
import live_server
from chainrule.recipes.check import check
from chainrule.system.files import read_json, read_rows, write_rows
from chainrule.training import seen

QUICK: dict[str, Any] = {
    "rows": 20,
    "explained": 1,
    "explain_runs": 16,
    "explain_steps": 16,
    "passes": 2,
    "surface_steps": 2,
    "surface_rows": 10,
    "robustness": {"rows": 10, "severities": [3], "steps": 2},
}
DATA = chain_project.STAGES[: chain_project.STAGES.index("finetune")]
ADJECTIVES = {
    "praise": ("splendid", "superb", "brilliant", "charming", "moving", "clever", "graceful", "tender"),
    "blame": ("dreadful", "awful", "dull", "clumsy", "tedious", "stale", "shallow", "noisy"),
}
NOUNS = ("story", "film", "plot", "cast", "music", "pace", "ending", "dialogue", "scene", "camera")


def reviews(count: int) -> list[tuple[str, str]]:
    """Return texts of some words, of which one of sixteen says what it is; a few are long."""
    drawn = np.random.default_rng(0)
    rows = []
    for number in range(count):
        label = ("praise", "blame")[number % 2]
        words = [*drawn.choice(NOUNS, drawn.integers(4, 12) if number % 9 else 40), str(number)]
        words.insert(int(drawn.integers(0, len(words))), str(drawn.choice(ADJECTIVES[label])))
        rows.append((" ".join(words), label))
    return rows


def block(counts: bool) -> dict[str, Any]:
    return {
        "task": "text_classification",
        "modality": "text",
        "target": "label",
        "seed": 3,
        "source": {"kind": "delimited", "path": "rows.csv"},
        "incoming": {"kind": "delimited"},
        "clean": {"near_duplicates": 1.0},
        "split": {"tolerance": 1.0},
        "augment": {"copies": 1},
        "base": {"from": "nothing"},
        "net": {"name": "text_cnn", "embedding": 8, "filters": 4, "widths": [3]},
        "pretrain": {
            "objective": {"name": "none"},
            "tokenizer": {"vocabulary": 600, "max_length": 32, "windows": {"overlap": 4, "most": 6}},
        },
        "finetune": {
            "strategy": {"name": "full"},
            "epochs": 2,
            "batch_size": 16,
            "learning_rate": 0.0003,
            "precision": "fp32",
            "naive_bayes": counts,
        },
        "evaluate": {"resamples": 100, "examine": copy.deepcopy(QUICK)},
        "export": {},
        "retrain": {},
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("counts")
    lines = "".join(f"{text},{label}\n" for text, label in reviews(600))
    (root / "rows.csv").write_text(f"text,label\n{lines}")
    chain_project.write(root, {"mixed": block(True), "alone": block(False)})
    check(root)
    chain_project.run(root, "mixed", *chain_project.STAGES)
    chain_project.run(root, "alone", *DATA, "finetune", "evaluate")
    return root


def accuracy(root: Path, name: str) -> float:
    return float(read_json(root / "reports" / name / "metrics.json")["test"]["accuracy"]["value"])


def test_what_the_net_did_not_learn_the_counts_tell(made: Path) -> None:
    assert accuracy(made, "alone") < 0.8
    assert accuracy(made, "mixed") > 0.95
    trained = read_json(made / "reports" / "mixed" / "finetune.json")
    assert trained["naive_bayes"] > 0
    assert trained["accuracy"] > 0.95  # of what is kept, and not of the net alone
    assert "naive_bayes" not in read_json(made / "reports" / "alone" / "finetune.json")


def test_no_part_of_its_pages_fails_and_explanations_add_up(made: Path) -> None:
    text = (made / "reports" / "mixed" / "examine.json").read_text()
    assert "it failed" not in text, text
    (checks,) = [each["checks"] for each in _blocks(json.loads(text)) if "checks" in each]
    assert max(checks["integrated_gradients"]["deviation"]) < 0.05


def _blocks(found: Any) -> list[dict[str, Any]]:
    inner = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    return [*([found] if isinstance(found, dict) else []), *(block for each in inner for block in _blocks(each))]


def test_a_server_answers_by_it(made: Path) -> None:
    signature = read_json(made / "models" / "onnx" / "mixed" / "signature.json")
    assert signature["target"]["classes"] == ["blame", "praise"]
    with live_server.running(made) as server:
        for word, label in (("clever", "praise"), ("stale", "blame")):
            answer = server.ask(
                "POST",
                "/models/mixed?explain=occlusion",
                f"the plot and {word} music of it".encode(),
                Content_Type="text/plain",
            )
            assert answer.json["labels"][0]["label"] == label
            most = max(answer.json["explanation"]["parts"], key=lambda part: part["weight"])
            assert word in most["text"]


def test_what_learns_on_from_a_model_with_counts_counts_all_rows_anew_and_learns_no_counts(made: Path) -> None:
    on = {"base": {"from": "finetuned/mixed"}}
    joint, later = block(False) | on, block(True) | on
    joint["finetune"]["strategy"] = {"name": "joint"}
    later["finetune"]["strategy"] = {"name": "incremental", "replay": 0.0}
    chain_project.write(made, {"mixed": block(True), "joint": joint, "later": later})
    check(made)
    rows = made / "models" / "finetuned" / "mixed" / seen.SEEN
    write_rows(rows, read_rows(rows).iloc[:-20].reset_index(drop=True))
    for name in ("joint", "later"):
        for folder in ("data/split", "data/augmented"):
            shutil.copytree(made / folder / "mixed", made / folder / name)
        chain_project.run(made, name, "fetch", "pretrain", "finetune")
    told = read_json(made / "reports" / "joint" / "finetune.json")
    head = 4 * 2 + 2
    assert told["learning_parameters"] == told["parameters"] + head  # the other task's, which is left behind
    assert "naive_bayes" not in told
    told = read_json(made / "reports" / "later" / "finetune.json")
    assert told["rows"] < 50
    assert told["accuracy"] > 0.9
