"""Question answering through the chain: from SQuAD's JSON to a served answer above its floors."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chain_project
import live_server

NAME = "rooms"
COLOURS = ("red", "green", "blue", "white", "black", "yellow")
CITIES = ("Rome", "Oslo", "Paris", "Cairo", "Lima", "Delhi")
FILLING = ("the", "house", "stands", "near", "a", "river", "and", "some", "trees", "with", "its", "old", "door")
BLOCK: dict[str, Any] = {
    "task": "question_answering",
    "modality": "text",
    "target": "answer",
    "seed": 3,
    "source": {"kind": "squad", "path": "data/mine/rooms.json"},
    "incoming": {"kind": "squad"},
    "clean": {"near_duplicates": 1.0},
    "split": {"tolerance": 1.0},
    "augment": {},
    "base": {"from": "nothing"},
    "net": {"name": "encoder", "layers": 2, "width": 64, "heads": 4, "feed_forward": 128, "max_length": 24},
    "pretrain": {
        "objective": {"name": "none"},
        "tokenizer": {"vocabulary": 300, "windows": {"overlap": 6, "most": 16}},
    },
    "finetune": {
        "strategy": {"name": "full"},
        "epochs": 12,
        "batch_size": 16,
        "learning_rate": 0.003,
        "patience": None,
        "precision": "fp32",
    },
    "evaluate": {
        "resamples": 100,
        "examine": {
            "rows": 40,
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


def articles(count: int) -> list[dict[str, Any]]:
    """Return passages that name a colour and a city among other words, some longer than a window, with questions."""
    drawn = np.random.default_rng(0)
    found = []
    for number in range(count):
        words = [str(word) for word in drawn.choice(FILLING, 8 if number % 2 else 28)]
        colour, city = str(drawn.choice(COLOURS)), str(drawn.choice(CITIES))
        for word in (colour, city):
            words.insert(int(drawn.integers(0, len(words))), word)
        context = " ".join(words)
        asked = [("Which colour?", colour), ("Which city?", city), ("How many cats?", None)]
        qas = [
            {
                "id": f"{number}-{place}",
                "question": question,
                "is_impossible": answer is None,
                "answers": [] if answer is None else [{"text": answer, "answer_start": context.index(answer)}],
            }
            for place, (question, answer) in enumerate(asked)
        ]
        found.append({"title": f"House {number}", "paragraphs": [{"context": context, "qas": qas}]})
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that the chain was run in."""
    root = tmp_path_factory.mktemp(NAME)
    (root / "data" / "mine").mkdir(parents=True)
    (root / "data" / "mine" / "rooms.json").write_text(json.dumps({"version": "v2.0", "data": articles(140)}))
    chain_project.build(root, {NAME: BLOCK})
    return root


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_no_part_of_its_pages_fails(root: Path) -> None:
    for report in ("explore", "examine"):
        assert "it failed" not in (root / "reports" / NAME / f"{report}.json").read_text(), report


def test_it_beats_its_floors_and_is_told_by_question_word_and_length(root: Path) -> None:
    metrics = read(root / "reports" / NAME / "metrics.json")
    best = max(floor["f1"]["value"] for floor in metrics["floor"].values())
    assert set(metrics["floor"]) == {"no_answer", "sentence", "window"}
    assert metrics["floor"]["no_answer"]["f1"]["value"] == pytest.approx(1 / 3, abs=0.02)
    assert metrics["test"]["f1"]["value"] > best + 0.2
    assert metrics["test"]["none_found"]["value"] > 0.8
    by = read(root / "reports" / NAME / "fairness.json")
    assert set(by["question_word"]["groups"]) == {"which", "how many"}
    assert set(by["answer_length"]["groups"]) == {"1 word", "no answer"}
    assert "By length of the answer" in (root / "reports" / NAME / "report.html").read_text()


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[live_server.Live]:
    with live_server.running(root) as server:
        yield server


def ask(server: live_server.Live, question: str, context: str) -> Any:
    body = json.dumps({"question": question, "context": context}).encode()
    return server.ask("POST", f"/models/{NAME}", body, Content_Type="application/json")


def test_a_server_points_at_the_words_wherever_they_stand(server: live_server.Live) -> None:
    for before in (3, 60):
        context = ["the", "old", "door", "and", "some", "trees", ""] * 12
        context = [word for word in context if word]
        context.insert(before, "green")
        text = " ".join(context)
        answer = ask(server, "Which colour?", text)
        assert answer.status == 200, answer.content
        answer = answer.json
        assert answer["answer"] == "green" and not answer["none"], answer
        assert text[answer["start"] : answer["end"]] == "green"
        assert "text" not in answer
    assert ask(server, "How many cats?", text).json["none"] is True
    spaced = ask(server, "Which colour?", "the  old green\tdoor").json
    assert (spaced["text"], spaced["start"]) == ("the old green door", 8)
    assert server.ask("GET", "/tasks/question_answering/view.js").status == 200


def test_what_cannot_be_asked_is_one_clear_line(server: live_server.Live) -> None:
    for question, context, said in (
        ("", "some words", "question: the text is empty"),
        ("Which city?", "   ", "context: the text is empty"),
        ("Which city?", "word " * 300_000, "too long"),
    ):
        found = ask(server, question, context)
        assert found.status in (400, 413) and said in found.json["error"], found.content
