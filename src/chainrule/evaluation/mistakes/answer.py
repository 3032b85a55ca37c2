"""Mistakes of answers to questions: the wrong ones that were sure, the nearly right ones, and what was confused."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import answer
from chainrule.evaluation.shown import Worst, Wrong

NOTHING = "no answer"


def bad(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return what each answer lacks to a right one, 1 less its F1, float64 [N]; `target` int [N, K, 2 + A]."""
    return np.asarray(1 - answer.scored(outputs, target)[:, 1])


def sheets(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> list[Worst]:
    """Return the rows to look at first, at most `most` of each sort."""
    lacking, sure = bad(outputs, target, facts), answer.sure(outputs)
    off, part = np.flatnonzero(lacking == 1), np.flatnonzero((lacking > 0) & (lacking < 1))
    confident = off[np.argsort(-sure[off], kind="stable")][:most]
    nearly = part[np.argsort(lacking[part], kind="stable")][:most]
    return [
        Worst(
            "Most confident mistakes",
            "Answers without a word of a right one that the model was surest of: look here first for wrong targets.",
            "None: every answer has a word of a right one.",
            wrong(outputs, target, facts, confident),
        ),
        Worst(
            "Nearly right",
            "Answers that share words with a right one and are not it: where does an answer begin and end?",
            "None.",
            wrong(outputs, target, facts, nearly),
        ),
    ]


def confused(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[tuple[str, np.ndarray]]:
    """Return the sorts of mistakes, in words, with their rows int64 [n], the most frequent first."""
    said, true = answer.answers(outputs), answer.right(target)
    lacking = bad(outputs, target, facts)
    kinds = [_kind(own, right, off) for own, right, off in zip(said, true, lacking, strict=True)]
    found = [(name, np.flatnonzero([kind == name for kind in kinds])) for name in dict.fromkeys(filter(None, kinds))]
    return sorted(found, key=lambda pair: (-len(pair[1]), pair[0]))


def _kind(said: str | None, right: list[str], lacking: float) -> str:
    if lacking == 0:
        return ""
    if not said:
        return "an answer missed"
    if not right:
        return "an answer where there is none"
    if lacking == 1:
        return "other words"
    longer = len(answer.tokens(said)) > max(len(answer.tokens(each)) for each in right)
    return "more than the answer" if longer else "less than the answer, or across its edge"


def wrong(outputs: Outputs, target: np.ndarray, facts: Facts, places: np.ndarray) -> list[Wrong]:
    """Return these rows in words."""
    said, true = answer.answers(outputs), answer.right(target)
    sure, shared = answer.sure(outputs), answer.scored(outputs, target)[:, 1]
    return [
        Wrong(
            row, said[row] or NOTHING, f"F1 {shared[row]:.2f}, sure {sure[row]:.1%}", " / ".join(true[row]) or NOTHING
        )
        for row in places.tolist()
    ]
