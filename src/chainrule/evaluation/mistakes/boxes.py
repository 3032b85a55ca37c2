"""Mistakes of boxes, by kind: where, what, both, twice, nothing there, missed.

Bolya et al. 2020, "TIDE: a general toolbox for identifying object detection errors" (arXiv:2008.08115), section 2.2: of
the boxes that are shown (a line of the validation rows says which), those that find none.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import boxes as scores
from chainrule.evaluation.shown import Outline, Worst, Wrong
from chainrule.fields import suppression
from chainrule.fields.suppression import Found, overlaps

KINDS = {
    "localisation": "lies over a true box of its class, and by less than a half",
    "class": "lies over a true box of another class by at least a half",
    "both": "lies over a true box of another class, and by less than a half",
    "duplicate": "finds what a likelier box has found",
    "background": "lies over no true box",
    "missed": "a true box that nothing said finds, nor places or names wrongly",
}
"""What each kind of mistake is."""
HALF, TENTH = 0.5, 0.1
"""How far a box must lie over a true one to find it, and to have anything to do with it."""


class Error(NamedTuple):
    """A mistake: its kind, the places of the box that is said and of the true one, -1 of none."""

    kind: str
    said: int
    true: int


class Row(NamedTuple):
    """What is shown of a row, what is true, and how these differ."""

    said: Found
    true: np.ndarray
    """float [M, 6]."""
    right: int
    """How many true boxes are found."""
    errors: list[Error]


def rows(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Row]:
    """Return every row with its mistakes; `target` float [N, M, 6]."""
    shown = suppression.shown(suppression.said(outputs, facts), facts)
    true = [own[own[:, 4] >= 0] for own in np.asarray(target)]
    return [
        Row(said, own, int(scores.taken(said, own)[0][:, 0].sum()), errors(said, own))
        for said, own in zip(shown, true, strict=True)
    ]


def errors(said: Found, true: np.ndarray) -> list[Error]:
    """Return the mistakes in what is said of an image, the likeliest first, then what is missed."""
    found, marked = (each[:, 0] for each in scores.taken(said, true))
    plain = np.flatnonzero(true[:, 5] == 0)
    over = overlaps(said.boxes, true[plain, :4].astype(np.float64))
    same = said.labels[:, None] == true[plain, 4][None]
    told: list[Error] = []
    for place in np.flatnonzero(~found & ~marked).tolist():
        own, other = (np.where(which, over[place], -1.0) for which in (same[place], ~same[place]))
        best, rival = (int(each.argmax()) if len(plain) else -1 for each in (own, other))
        most, most_other = (each.max(initial=-1.0) for each in (own, other))
        if most >= HALF:
            kind, at = "duplicate", best
        elif most_other >= HALF:
            kind, at = "class", rival
        elif most >= TENTH:
            kind, at = "localisation", best
        elif most_other >= TENTH:
            kind, at = "both", rival
        else:
            kind, at = "background", -1
        told.append(Error(kind, place, int(plain[at]) if at >= 0 else -1))
    hit = (over >= HALF) & same & found[:, None]
    placed = {error.true for error in told if error.kind in ("localisation", "class")}
    taken = _partners(over, hit)
    told += [Error("missed", -1, int(at)) for place, at in enumerate(plain) if place not in taken and at not in placed]
    return told


def _partners(over: np.ndarray, hit: np.ndarray) -> set[int]:
    """Return which true boxes are found, each by the likeliest box that has none yet and lies over it the most."""
    taken: set[int] = set()
    for place in range(len(over)):
        free = [at for at in np.flatnonzero(hit[place]).tolist() if at not in taken]
        if free:
            taken.add(max(free, key=lambda at: (over[place, at], at)))
    return taken


def counted(found: Sequence[Row]) -> Counter[str]:
    """Return how often each kind of mistake is made."""
    return Counter(error.kind for row in found for error in row.errors)


def bad(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return one less F1 of the boxes that are shown of each row, float64 [N]: 0 where nothing is said and true."""
    return np.array([_bad(row) for row in rows(outputs, target, facts)])


def _bad(row: Row) -> float:
    wanted, in_vain = int((row.true[:, 5] == 0).sum()), sum(error.said >= 0 for error in row.errors)
    number = 2 * row.right + in_vain + wanted - row.right
    return 1 - 2 * row.right / number if number else 0.0


def wrong(row: Row, place: int, facts: Facts) -> Wrong:
    """Return a row as it is shown: what is said, its mistakes, what is true, and all of them drawn."""
    names = facts["classes"]
    off = {error.said: error.kind for error in row.errors if error.said >= 0}
    missed = {error.true for error in row.errors if error.kind == "missed"}
    drawn = [
        _outline(box[:4], names[int(box[4])], "missed" if at in missed else "true")
        for at, box in enumerate(row.true.tolist())
    ]
    drawn += [
        _outline(box, f"{names[label]} {sure:.2f}", "wrong" if at in off else "right")
        for at, (box, label, sure) in enumerate(
            zip(row.said.boxes.tolist(), row.said.labels.tolist(), row.said.scores.tolist(), strict=True)
        )
    ]
    often = Counter(error.kind for error in row.errors)
    said = named(row.said.labels, facts)
    told = ", ".join(f"{count} {kind}" for kind, count in often.most_common()) or "no mistake"
    return Wrong(place, said, told, named(row.true[:, 4].astype(np.int64), facts), outlines=drawn)


def _outline(box: Sequence[float], label: str, kind: str) -> Outline:
    left, top, right, bottom = box
    return Outline(left, top, right, bottom, label, kind)


def named(labels: np.ndarray, facts: Facts) -> str:
    """Return how many boxes there are of each class, in words."""
    often = Counter(labels.tolist())
    return ", ".join(f"{count} {facts['classes'][label]}" for label, count in sorted(often.items())) or "nothing"


def sheets(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> list[Worst]:
    """Return the rows to look at first, at most `most` of each sort."""
    found = rows(outputs, target, facts)
    off = np.array([_bad(row) for row in found])

    def shown(title: str, note: str, amounts: np.ndarray) -> Worst:
        order = [int(at) for at in np.argsort(-amounts, kind="stable")[:most] if amounts[at] > 0]
        return Worst(title, note, "None.", [wrong(found[at], at, facts) for at in order])

    sure = [
        max((row.said.scores[error.said] for error in row.errors if error.kind in ("background", "class")), default=0.0)
        for row in found
    ]
    missed = [float(sum(error.kind == "missed" for error in row.errors)) for row in found]
    return [
        shown("Worst images", "The images of whose boxes the smallest share is right.", off),
        shown(
            "Surest in vain",
            "Images with a box that finds nothing, or another class, and of which the model is sure: look here first "
            "for things that nobody marked.",
            np.array(sure),
        ),
        shown("Most missed", "The images with the most boxes that nothing finds.", np.array(missed)),
    ]


def confused(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[tuple[str, np.ndarray]]:
    """Return every kind of mistake by class in words, with its rows int64 [n], the most frequent first."""
    names, told = facts["classes"], dict[str, list[int]]()
    for place, row in enumerate(rows(outputs, target, facts)):
        for error in row.errors:
            said = names[int(row.said.labels[error.said])] if error.said >= 0 else ""
            true = names[int(row.true[error.true, 4])] if error.true >= 0 else ""
            words = {
                "localisation": f"{said} in another place",
                "class": f"{true} taken for {said}",
                "both": f"{true} taken for {said}, in another place",
                "duplicate": f"{said} twice",
                "background": f"{said} where nothing is",
                "missed": f"{true} missed",
            }[error.kind]
            told.setdefault(words, []).append(place)
    found = [(words, np.unique(own)) for words, own in told.items()]
    return sorted(found, key=lambda pair: (-len(told[pair[0]]), pair[0]))
