"""Mistakes of spans: the rows with most, the sure ones, and every kind of mistake by label."""

import numpy as np

from chainrule.evaluation.figures import spans as figures
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import spans
from chainrule.evaluation.shown import Worst, Wrong
from chainrule.fields import tags


def bad(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return which rows have not just their spans, float64 [N] of 0 and 1; `target` int [N, S, 3]."""
    return (~spans.right(outputs, target, facts)).astype(np.float64)


def sheets(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> list[Worst]:
    """Return the rows to look at first, at most `most` of each sort."""
    classes, found = facts["classes"], spans.answers(outputs)
    true = tags.listed(np.asarray(target))
    wrong = [spans.mistakes(own.spans, real) for own, real in zip(found, true, strict=True)]

    def shown(row: int, detail: str) -> Wrong:
        said, real = (figures.marks(each, classes) for each in (found[row].spans, true[row]))
        return Wrong(row, figures.named(said), detail, figures.named(real), said, real)

    sure = {row: max((span.probability for _, span, _ in own if span), default=0.0) for row, own in enumerate(wrong)}
    first = sorted((row for row in sure if sure[row]), key=lambda row: -sure[row])[:most]
    note = "Rows with a wrong span the model was surest of: look here first for wrong spans."
    surest = Worst("Most confident mistakes", note, "None.", [shown(row, f"{sure[row]:.1%}") for row in first])
    return [figures.worst(outputs, target, facts, most), surest]


def confused(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[tuple[str, np.ndarray]]:
    """Return every mistake by kind and labels, in words, with its rows int64 [n], the most frequent first."""
    classes = facts["classes"]
    rows: dict[str, list[int]] = {}
    true = tags.listed(np.asarray(target))
    for row, (own, real) in enumerate(zip(spans.answers(outputs), true, strict=True)):
        for kind, said, meant in spans.mistakes(own.spans, real):
            names = [classes[each.label] if each else "" for each in (meant, said)]
            words = {
                "type": f"{names[0]} taken for {names[1]}",
                "both": f"{names[0]} taken for {names[1]}, with other bounds",
                "boundary": f"{names[0]} with other bounds",
                "spurious": f"{names[1]} where none is",
                "missed": f"{names[0]} missed",
            }
            rows.setdefault(words[kind], []).append(row)
    found = [(words, np.unique(own)) for words, own in rows.items()]
    return sorted(found, key=lambda pair: (-len(rows[pair[0]]), pair[0]))
