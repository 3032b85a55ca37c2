"""Word vectors through the chain: from plain texts to a bundle that answers with neighbours."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chain_project
import live_server
from chainrule.drift import measuring
from chainrule.serving import bundle as bundles
from chainrule.serving import offline, plain
from chainrule.serving.limits import Limits
from chainrule.system.errors import DataError
from chainrule.system.files import read_rows

QUICK: dict[str, Any] = {
    "rows": 20,
    "explained": 1,
    "passes": 2,
    "surface_steps": 1,
    "surface_rows": 5,
    "robustness": {"rows": 4, "severities": [3], "steps": 2},
}
BLOCK: dict[str, Any] = {
    "task": "word_vectors",
    "modality": "text",
    "target": "neighbours",
    "seed": 3,
    "source": {"kind": "long_texts", "path": "data/mine/tales.txt", "texts": "line"},
    "incoming": {"kind": "long_texts", "texts": "line"},
    "clean": {"near_duplicates": 1.0},
    "split": {"tolerance": 1.0, "test": 0.2},
    "augment": {},
    "base": {"from": "nothing"},
    "net": {"name": "vectors", "width": 16},
    "pretrain": {
        "objective": {"name": "none"},
        "tokenizer": {"kind": "words", "vocabulary": 100, "max_length": 16},
    },
    "finetune": {
        "strategy": {"name": "full"},
        "epochs": 12,
        "batch_size": 64,
        "learning_rate": 0.1,
        "loss": {"name": "skip_gram", "subsample": 0.05},
    },
    "evaluate": {"resamples": 100, "examine": QUICK},
    "export": {"variants": {"calibration": 32}},
}
TOPICS = {
    "sea": ["boat", "fish", "wave", "sail", "harbour", "net"],
    "wood": ["tree", "deer", "moss", "path", "owl", "leaf"],
    "town": ["street", "shop", "tram", "lamp", "bridge", "market"],
}


def tales(lines: int) -> str:
    """Return sentences that each keep to one of three topics."""
    drawn = random.Random(0)
    found = []
    for _ in range(lines):
        words = TOPICS[drawn.choice(list(TOPICS))]
        one, two, three, four = (drawn.choice(words) for _ in range(4))
        found.append(f"The {one} and a {two}, {three} of the old {four}.")
    return "\n".join(dict.fromkeys(found))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the chain was run."""
    root = tmp_path_factory.mktemp("tales")
    (root / "data" / "mine").mkdir(parents=True)
    (root / "data" / "mine" / "tales.txt").write_text(tales(700))
    chain_project.build(root, {"tales": BLOCK})
    return root


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def topic(word: str) -> str:
    return next(name for name, words in TOPICS.items() if word in words)


def test_no_part_of_its_pages_fails(root: Path) -> None:
    for report in ("explore", "examine"):
        assert "it failed" not in (root / "reports" / "tales" / f"{report}.json").read_text(), report


def test_words_are_told_from_strangers_by_their_texts(root: Path) -> None:
    metrics = read(root / "reports" / "tales" / "metrics.json")
    own, floors = metrics["test"], metrics["floor"]
    assert sorted(floors) == ["frequency", "ppmi_svd"]
    assert own["word_auc"]["value"] > 0.85
    assert own["word_auc"]["low"] <= own["word_auc"]["value"] <= own["word_auc"]["high"]
    assert floors["frequency"]["word_auc"]["value"] == pytest.approx(0.5, abs=0.06), "strangers are as frequent"
    assert floors["ppmi_svd"]["word_auc"]["value"] > 0.85
    assert own["known"]["value"] == floors["ppmi_svd"]["known"]["value"] == 1.0
    page = (root / "reports" / "tales" / "report.html").read_text()
    assert "Oddest texts" in page and "<mark>" in page


def bundle(root: Path) -> Any:
    return bundles.read(root / "models" / "onnx" / "tales", "tales", "1")


def asked(root: Path, text: str) -> dict[str, Any]:
    found = bundle(root)
    inputs = plain.prepare(found, {"text": text.encode()}, Limits())
    run = offline.runner(offline.session((found.folder / "model.onnx").read_bytes(), "it"), "it")
    return plain.answer(found, "fp32", run(inputs))


def test_the_neighbours_of_a_word_are_those_of_its_topic(root: Path) -> None:
    answer = asked(root, "boat")
    words = [each["word"] for each in answer["neighbours"]]
    assert set(words[:4]) <= set(TOPICS["sea"])
    assert "boat" not in words
    cosines = [each["cosine"] for each in answer["neighbours"]]
    assert cosines == sorted(cosines, reverse=True)
    assert max(map(abs, cosines)) <= 1
    assert len({(each["x"], each["y"]) for each in answer["neighbours"]}) > 10


def test_a_sum_takes_words_away(root: Path) -> None:
    """What is left of boat and tree when the tree is taken away is the boat; a sum's own words are no answer."""
    alone, away = asked(root, "boat"), asked(root, "boat + tree - tree")
    assert [each["cosine"] for each in away["neighbours"]][:3] == pytest.approx(
        [each["cosine"] for each in alone["neighbours"]][:3], abs=1e-3
    )
    nearest = asked(root, "boat - fish + owl")["neighbours"]
    assert not {"boat", "fish", "owl"} & {each["word"] for each in nearest}
    assert topic(nearest[0]["word"]) == "wood"


def test_a_text_is_the_sum_of_its_words(root: Path) -> None:
    (first, *_) = asked(root, "Old street, old shop: a market; zyzzyva.")["neighbours"]
    assert topic(first["word"]) == "town"


def test_what_has_no_vector_gets_one_clear_line(root: Path) -> None:
    found = bundle(root)
    with pytest.raises(DataError, match=r"^no vector of 'zyzzyva': it is none of the 23 words that have one$"):
        plain.prepare(found, {"text": b"zyzzyva"}, Limits())
    with pytest.raises(DataError, match=r"^no vector of 'king': "):
        plain.prepare(found, {"text": b"boat - king + tree"}, Limits())
    with pytest.raises(DataError, match=r"^'boat - boat': its words cancel each other out"):
        plain.prepare(found, {"text": b"boat - boat"}, Limits())
    with pytest.raises(DataError, match=r"^none of the words of this text is among the 23 that have a vector$"):
        plain.prepare(found, {"text": b"zyzzyva zyzzyva!"}, Limits())


def test_its_rows_are_compared_for_drift(root: Path) -> None:
    rows = read_rows(root / "data" / "split" / "tales" / "test.parquet")
    sample = measuring.rows_sample(root / "models" / "onnx" / "tales", rows)
    assert len(sample) == len(rows)
    reported = read(root / "reports" / "tales" / "metrics.json")["test"]["word_auc"]
    assert sample.numbers["predictions"].mean() == pytest.approx(reported["value"], abs=0.05)


def test_a_server_answers_with_neighbours(root: Path) -> None:
    with live_server.running(root) as server:
        answer = server.ask("POST", "/models/tales", b"boat + fish", Content_Type="text/plain")
        several = server.ask(
            "POST", "/models/tales", json.dumps({"text": "owl"}).encode(), Content_Type="application/json"
        )
        unknown = server.ask("POST", "/models/tales", b"zyzzyva", Content_Type="text/plain")
        view = server.ask("GET", "/tasks/word_vectors/view.js")
    assert answer.status == several.status == 200, answer.content
    assert topic(answer.json["neighbours"][0]["word"]) == "sea"
    assert topic(several.json["neighbours"][0]["word"]) == "wood"
    assert unknown.status == 400
    assert b"no vector of 'zyzzyva'" in unknown.content
    assert view.status == 200


def test_the_floor_scores_vectors_as_the_model_does(root: Path) -> None:
    """The same vectors, by NumPy and by the graph: told, seen and unknown are the same numbers."""
    from chainrule.evaluation.floors import neighbours as floor
    from chainrule.evaluation.scores.neighbours import strangers
    from chainrule.evaluation.tokens import are_words, encoded, unknown_id
    from chainrule.training import models, prediction
    from chainrule.training import rows as table

    model, card, facts = models.load_model(root / "models" / "finetuned" / "tales")
    test = read_rows(root / "data" / "split" / "tales" / "test.parquet")
    ours = prediction.predict(model, table.to_inputs(test, card, facts, card["target_facts"]), 64)
    table_of = model.embeddings.detach().numpy().astype(np.float64)
    vectors = table_of / np.linalg.norm(table_of, axis=1, keepdims=True)
    drawn = strangers(model.counts.numpy())
    theirs = floor.outputs(
        encoded(test["text"].tolist(), facts["tokenizer"]),
        np.array(are_words(facts["tokenizer"])),
        unknown_id(facts["tokenizer"]),
        drawn,
        lambda ids: floor.near(vectors[ids], vectors[drawn.words]),
    )
    for name, found in theirs.items():
        np.testing.assert_allclose(ours[name][:, : found.shape[1]], found, atol=1e-4, err_msg=name)
