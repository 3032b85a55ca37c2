"""Whether validation rows are of the kind that training rows are: drift between splits, by inputs and targets."""

from typing import TYPE_CHECKING

import numpy as np

from chainrule.drift import testing, units
from chainrule.drift.sample import MOST_ROWS, Sample, chosen
from chainrule.drift.testing import Report
from chainrule.evaluation import page
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.shown import Table, Word
from chainrule.exploration.looked import Looked, of
from chainrule.system import plugins

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 12
"""Differences that are listed, the surest first."""
SPLITS = ("train", "validation")


def part(looked: Looked) -> Part:
    """Return what tells validation rows from training rows, at a level that holds for all questions together."""
    kept = {name: _kept(looked.splits[name]) for name in SPLITS}
    if not all(map(len, kept.values())):
        raise NotShownError("there are no rows of one of the two splits to compare")
    samples = [_sample(looked, kept[name]) for name in SPLITS]
    report = testing.between(*samples, seed=looked.seed)
    counts = " and ".join(of(len(kept[name]), len(looked.splits[name]), f"rows of {name}") for name in SPLITS)
    numbers = {
        "tests": len(report.tests),
        "differing": [test.name for test in report.tests if test.flagged],
        "undecided": report.undecided,
        "look_at": [f"{test.name} differs from train to validation: {test.said}" for test in _surest(report)],
    }
    return Part("Drift between splits", f"<p>{counts}.</p>{_body(report)}", numbers)


def _kept(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return as many rows as are looked at, whole groups as far as they go."""
    return rows.iloc[chosen(_groups(rows), MOST_ROWS)].reset_index(drop=True)


def _groups(rows: "pd.DataFrame") -> np.ndarray:
    ids = rows["id"].astype(str).to_numpy()
    return np.where(rows["group"].isna(), ids, rows["group"].to_numpy()).astype(str)


def _sample(looked: Looked, rows: "pd.DataFrame") -> Sample:
    """Return rows as they are compared: their inputs by the kind of these, their targets by the kind of those."""
    kind = plugins.load("exploration.inputs", looked.block["modality"])
    several = len(looked.columns.inputs) > 1
    measured = {}
    for column in looked.columns.inputs:
        found = kind.compared(rows[column.name].tolist(), looked.cleaning.normalise)
        measured[f"{column.name}: " if several else ""] = found
    target = looked.columns.target
    known = target.kind.fit(looked.splits["train"][target.name].tolist())
    names, told = target.kind.compared(rows[target.name].tolist(), known)
    title = target.name
    labels = {} if names is None else {title: np.array(names)}
    numbers = {f"{title}, {name}" if name else title: own for name, own in told.numbers.items()}
    vectors = {f"{title}, {name}" if name else title: own for name, own in told.vectors.items()}
    answers = frozenset({*numbers, *vectors})
    words: list[list[str]] | None = None
    for before, found in measured.items():
        numbers |= {before + name: own for name, own in found.numbers.items()}
        vectors |= {before + name: own for name, own in found.vectors.items()}
        labels |= {before + name: np.array(own) for name, own in found.classes.items()}
        if found.words is not None:
            words = [[*own, *more] for own, more in zip(words or [[]] * len(rows), found.words, strict=True)]
    return Sample(labels, numbers, answers, vectors, words, _groups(rows))


def _surest(report: Report) -> list[testing.Test]:
    return sorted((test for test in report.tests if test.flagged), key=lambda test: (test.corrected, test.p, test.name))


def _body(report: Report) -> str:
    if report.undecided:
        return f"<p>Nothing can be said: {report.undecided}.</p>"
    asked = f"{len(report.tests)} question{'s' if len(report.tests) != 1 else ''}"
    note = (
        f"{report.notes[0][0].upper()}{report.notes[0][1:]}, {units.PERMUTATIONS} times. Splits of the same kind "
        f"are flagged with a chance of {report.alpha:g}, all questions together (Westfall and Young 1993, step-down)."
    )
    surest = _surest(report)
    if not surest:
        return f"<p>Validation rows are like training rows in {asked}.</p><p class='note'>{note}</p>"
    rows = [(Word(test.name), test.said, f"{test.corrected:.3f}") for test in surest[:SHOWN]]
    more = [f"And {len(surest) - SHOWN:,} more."] if len(surest) > SHOWN else []
    table = Table("", (Word("differs"), "from train to validation", "p"), rows, [*more, note])
    what = (
        f"<p>Validation rows differ from training rows in {len(surest)} of {asked}. By official parts or by time that "
        "is to be expected, and what validation says then holds for such rows; else a group may have gone to one side."
        "</p>"
    )
    return what + page.table(table)
