"""What a page shows of answers that are spans: F1 of each label, what is taken for what, the kinds of mistakes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import class_table
from chainrule.evaluation.figures.label import confusion_matrix
from chainrule.evaluation.figures.labels import f1_bars
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.spans import ERRORS, Answer, answers, metrics, mistakes, statistics
from chainrule.evaluation.shown import Mark, Picture, Table, Worst, Wrong
from chainrule.fields import tags
from chainrule.fields.tags import Span

BESIDE = ("span_f1", "span_precision", "span_recall", "macro_f1", "token_accuracy", "exact_match")
"""Scores that are drawn beside the floors' scores."""
NO_SPAN = "no span"
MEANS = {
    "type": "a true span under another label",
    "boundary": "overlaps a true span of its label, and is not it",
    "both": "overlaps true spans of other labels only, and is none",
    "spurious": "touches no true span",
    "missed": "a true span that nothing said touches",
}
"""What each kind of mistake is."""


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return the pictures of answers to test rows; `target` int [N, S, 3]."""
    classes = facts["classes"]
    f1 = metrics(statistics(outputs, target, facts).sum(axis=0), facts)["f1"]
    true, said = confused(answers(outputs), tags.listed(np.asarray(target)), len(classes))
    return [
        Picture("labels", "F1 of each label on the test rows", lambda path: f1_bars(f1, classes, path), wide=False),
        Picture(
            "confusion",
            "Spans of the test rows by what they are and what they are taken for",
            lambda path: confusion_matrix(true, said, [*classes, NO_SPAN], path),
            wide=False,
        ),
    ]


def confused(found: Sequence[Answer], true: Sequence[Sequence[Span]], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the true label and the label said, int64 [M] each, of spans that touch; `classes` where there is none.

    A true span goes with the first that is said of it, the same places before others.
    """
    pairs: list[tuple[int, int]] = []
    for own, real in zip(found, true, strict=True):
        taken = set()
        for each in real:
            touching = [span for span in own.spans if span.start < each.end and each.start < span.end]
            touching.sort(key=lambda span: (span[1:3] != each[1:3], span.label != each.label))
            pairs.append((each.label, touching[0].label if touching else classes))
            taken |= {span[:3] for span in touching}
        pairs += [(classes, span.label) for span in own.spans if span[:3] not in taken]
    array = np.array(pairs, np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def tables(outputs: Outputs, target: np.ndarray, facts: Facts, scores: Mapping[str, Any]) -> list[Table]:
    """Return the scores of the labels, and the mistakes by their kind; scores: those of the test rows."""
    per_class = class_table.table("Labels", "label", scores["per_class"], class_table.COLUMNS)
    per_class = per_class._replace(heads=[*per_class.heads[:-1], "spans"])
    errors = scores["errors"]
    rows = [(kind, f"{errors[kind]:,}", MEANS[kind]) for kind in ERRORS]
    return [per_class, Table("Kinds of mistakes", ("kind", "spans", "what it is"), rows)]


def notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what is to be said below the table of scores."""
    return [
        "A span is right if its first and its last character and its label are, as CoNLL and seqeval (strict) count."
    ]


def warnings(scores: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the scores must know."""
    return class_table.warnings("label", scores["per_class"])


def worst(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> Worst:
    """Return at most `most` rows with mistakes, those with most first (ties: of which the model was surest)."""
    classes, found = facts["classes"], answers(outputs)
    true = tags.listed(np.asarray(target))
    wrong = [mistakes(own.spans, real) for own, real in zip(found, true, strict=True)]
    sure = [max((span.probability for _, span, _ in own if span), default=0.0) for own in wrong]
    order = sorted(range(len(wrong)), key=lambda row: (-len(wrong[row]), -sure[row]))

    def shown(row: int) -> Wrong:
        kinds = [kind for kind, _, _ in wrong[row]]
        counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ERRORS if kind in kinds)
        said, real = marks(found[row].spans, classes), marks(true[row], classes)
        return Wrong(row, named(said), f"({counted})", named(real), said, real)

    return Worst(
        "Worst sentences",
        "Rows with most mistakes, marked with what was said and with what is true: look here first for wrong spans.",
        "None: every test row has just its spans.",
        [shown(row) for row in order[:most] if wrong[row]],
    )


def marks(spans: Sequence[Span], classes: Sequence[str]) -> list[Mark]:
    """Return what is to be marked in a text."""
    return [Mark(span.start, span.end, classes[span.label]) for span in spans]


def named(found: Sequence[Mark]) -> str:
    """Return in words how many spans of which labels these are."""
    labels = [mark.label for mark in found]
    return ", ".join(f"{labels.count(name)} {name}" for name in dict.fromkeys(labels)) or NO_SPAN
