"""Span F1 by hand and by seqeval, kinds of mistakes, floors, and what is compared between models."""

import numpy as np
import pytest

from chainrule.evaluation import primary
from chainrule.evaluation.figures import spans as figures
from chainrule.evaluation.floors import spans as floors
from chainrule.evaluation.mistakes import spans as mistakes
from chainrule.evaluation.scores import spans
from chainrule.evaluation.uncertainty import spans as doubt
from chainrule.fields import tags
from chainrule.fields.tags import Span

CLASSES = ["LOC", "ORG", "PER"]
FACTS = {"classes": CLASSES}
LENGTH = 12


def places(rows: int) -> np.ndarray:
    """Return rows of words of two letters each, with a blank between them."""
    start = 3 * np.arange(LENGTH)
    return np.tile(np.stack([start, start + 2, np.ones(LENGTH)], axis=1).astype(np.int64), (rows, 1, 1, 1))


def outputs(found: np.ndarray, sure: float = 9.0) -> dict[str, np.ndarray]:
    """Return what a model says that is sure of these tags, [N, T]."""
    logits = np.where(np.eye(tags.count(3))[found] > 0, sure, 0.0)
    return {"logits": logits[:, None], "offsets": places(len(found))}


def drawn(rows: int, seed: int) -> list[list[tuple[int, int, int]]]:
    """Return spans of words (label, first, last) at random."""
    random = np.random.default_rng(seed)
    sets = []
    for _ in range(rows):
        own, at = [], int(random.integers(0, 3))
        while at < LENGTH:
            last = min(LENGTH - 1, at + int(random.integers(0, 3)))
            own.append((int(random.integers(0, 3)), at, last))
            at = last + 1 + int(random.integers(0, 4))
        sets.append(own)
    return sets


def of_words(sets: list[list[tuple[int, int, int]]]) -> tuple[np.ndarray, np.ndarray]:
    """Return spans of words as tags [N, T], and as encoded places [N, S, 3]."""
    encoded = tags.encoded([[(label, 3 * first, 3 * last + 2) for label, first, last in own] for own in sets])
    words = places(1)[0, 0, :, :2]
    return np.stack([tags.of_words(own, words) for own in encoded]), encoded


def test_by_hand() -> None:
    _, true = of_words([[(0, 0, 1), (2, 4, 5)], [(1, 3, 3)], []])
    said, _ = of_words([[(0, 0, 1), (2, 4, 6)], [(2, 3, 3)], [(0, 9, 9)]])
    found = spans.metrics(spans.statistics(outputs(said), true, FACTS).sum(axis=0), FACTS)
    assert found["span_precision"] == pytest.approx(1 / 4) and found["span_recall"] == pytest.approx(1 / 3)
    assert found["span_f1"] == pytest.approx(2 / 7)
    assert found["f1"].tolist() == pytest.approx([2 / 3, 0, 0]) and found["macro_f1"] == pytest.approx(2 / 9)
    assert found["token_accuracy"] == pytest.approx(1 - 3 / 36) and found["exact_match"] == 0
    assert [found[kind] for kind in spans.ERRORS] == [1, 1, 0, 1, 0]
    assert spans.right(outputs(said), true, FACTS).tolist() == [False, False, False]


def test_every_kind_of_mistake_is_told_apart() -> None:
    true = [Span(0, 0, 5), Span(1, 10, 15), Span(2, 20, 25), Span(0, 30, 35)]
    said = [Span(1, 0, 5), Span(1, 10, 12), Span(0, 21, 27), Span(2, 40, 45)]
    assert [kind for kind, _, _ in spans.mistakes(said, true)] == ["type", "boundary", "both", "spurious", "missed"]
    assert spans.mistakes(true, true) == []


def test_as_seqeval_counts() -> None:
    seqeval = pytest.importorskip("seqeval.metrics", reason="seqeval is not installed")
    from seqeval.scheme import IOB2

    names = tags.names(CLASSES)
    for seed in range(5):
        true, encoded = of_words(drawn(30, seed))
        said = np.where(np.random.default_rng(seed).random(true.shape) < 0.8, true, of_words(drawn(30, seed + 50))[0])
        # What the model says is decoded to valid tags first; seqeval is given these.
        answers = [answer.tags for answer in spans.answers(outputs(said))]
        words = [[[names[tag] for tag in row] for row in each] for each in (true, answers)]
        report = seqeval.classification_report(*words, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
        found = spans.metrics(spans.statistics(outputs(said), encoded, FACTS).sum(axis=0), FACTS)
        for ours, theirs in (("span_precision", "precision"), ("span_recall", "recall"), ("span_f1", "f1-score")):
            assert found[ours] == pytest.approx(report["micro avg"][theirs], abs=1e-12)
        assert found["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"], abs=1e-12)
        for place, name in enumerate(CLASSES):
            assert found["f1"][place] == pytest.approx(report[name]["f1-score"], abs=1e-12)
        assert found["token_accuracy"] == pytest.approx(seqeval.accuracy_score(*words))


def test_a_row_without_an_answer_has_no_span() -> None:
    said, true = of_words([[(0, 0, 1)], [(0, 0, 1)]])
    broken = outputs(said)
    broken["logits"][1] = np.nan
    found = spans.metrics(spans.statistics(broken, true, FACTS).sum(axis=0), FACTS)
    assert found["span_recall"] == 0.5 and found["span_precision"] == 1
    assert spans.agree(broken, broken, FACTS).tolist() == [True, False]


def test_models_of_other_labels_are_compared_over_all() -> None:
    said, _ = of_words([[(0, 0, 1), (1, 4, 5)]])
    one = {"classes": ["LOC", "ORG", "PER"]}
    joint = spans.joined([one, {"classes": ["DATE", "PER"]}], ["LOC"])
    assert joint["classes"] == ["DATE", "LOC", "ORG", "PER"]
    wide = spans.aligned(outputs(said), one, joint)
    (answer,) = spans.answers(wide)
    assert [joint["classes"][span.label] for span in answer.spans] == ["LOC", "ORG"]


def test_what_is_compared_between_batches_is_zero_where_no_token_is() -> None:
    said, _ = of_words(drawn(2, 0))
    short = outputs(said)
    short["offsets"][:, :, 6:] = 0
    found = spans.comparable(short, FACTS)
    assert found.sum(axis=-1)[:, 0, :6] == pytest.approx(1) and not found[:, :, 6:].any()


def test_no_true_span_is_no_score() -> None:
    said, true = of_words([[], []])
    assert np.isnan(primary.value(spans, outputs(said), true, FACTS))


# Floors


def test_floors_say_what_words_were_and_how_they_are_written() -> None:
    texts = [f"{first} {last} lives in {place} ." for first in ("Anna", "Otto", "Vera") for last in ("Berg", "Lang")
             for place in ("Bonn", "Rome", "Ulm")]  # fmt: skip
    sets = []
    for text in texts:
        first, last, *_, place, _ = text.split()
        at = text.index(place)
        sets.append([(2, 0, len(first) + 1 + len(last)), (0, at, at + len(place))])
    asked = ["Vera Lang lives in Rome .", "Nils Stein lives in Trier ."]
    found = floors.floors(None, [texts], tags.encoded(sets), [asked], FACTS, seed=0)
    assert list(found) == ["most_frequent_tag", "logistic_regression"]
    words = {name: [[asked[row][span.start : span.end] for span in answer.spans]
                    for row, answer in enumerate(spans.answers(said))] for name, said in found.items()}  # fmt: skip
    assert words["most_frequent_tag"] == [["Vera Lang", "Rome"], []]
    assert words["logistic_regression"] == [["Vera Lang", "Rome"], ["Nils Stein", "Trier"]]


def test_ideographs_are_words_of_their_own() -> None:
    found = floors.floors(None, [["在北京"]], tags.encoded([[(0, 1, 3)]]), [["去北京"]], {"classes": ["LOC"]}, seed=0)
    (answer,) = spans.answers(found["most_frequent_tag"])
    assert [span[:3] for span in answer.spans] == [(0, 1, 3)]


# Figures, mistakes, doubt


def test_what_is_taken_for_what() -> None:
    true = [[Span(0, 0, 5), Span(1, 10, 15)], []]
    said = [spans.Answer([Span(2, 0, 3)], np.empty((0, 2)), np.empty(0)),
            spans.Answer([Span(1, 2, 4)], np.empty((0, 2)), np.empty(0))]  # fmt: skip
    real, taken = figures.confused(said, true, 3)
    assert list(zip(real.tolist(), taken.tolist(), strict=True)) == [(0, 2), (1, 3), (3, 1)]


def test_the_worst_rows_are_marked_with_what_was_said_and_what_is_true() -> None:
    _, true = of_words([[(0, 0, 1)], [(1, 3, 3)], []])
    said, _ = of_words([[(0, 0, 1)], [(2, 3, 3), (0, 6, 6)], []])
    (row,) = figures.worst(outputs(said), true, FACTS, 5).rows
    assert (row.row, row.said, row.truth, row.detail) == (1, "1 PER, 1 LOC", "1 ORG", "(1 type, 1 spurious)")
    assert row.said_at == [(9, 11, "PER"), (18, 20, "LOC")] and row.true_at == [(9, 11, "ORG")]
    confused = dict(mistakes.confused(outputs(said), true, FACTS))
    assert {words: rows.tolist() for words, rows in confused.items()} == {
        "ORG taken for PER": [1],
        "LOC where none is": [1],
    }
    assert mistakes.bad(outputs(said), true, FACTS).tolist() == [0, 1, 0]


def test_sure_spans_keep_to_the_risk() -> None:
    true = drawn(300, 1)
    said, _ = of_words(true)
    _, target = of_words(true)
    lines = doubt.fit(outputs(said), target, {"risk": 0.05})
    assert lines["unsure_below"] is not None and lines["spans"] == sum(map(len, true))
    assert doubt.measured(outputs(said), target, lines) == {"answered": 1.0, "risk": 0.0}
    wrong, _ = of_words(drawn(300, 2))
    assert doubt.fit(outputs(wrong), target, {"risk": 0.05})["unsure_below"] is None
    assert doubt.shown(lines, {}) == [("wrong among the sure spans", "5% at most", "no span is proven so sure")]
