"""The rows to look at first: most confident mistakes, the worst by loss, the close calls."""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from chainrule.evaluation import cards
from chainrule.evaluation.cards import Card
from chainrule.evaluation.parts import Part
from chainrule.evaluation.shown import Wrong
from chainrule.examination.looked import Looked
from chainrule.system import plugins
from chainrule.training import rows


def part(looked: Looked) -> Part:
    """Return a sheet of each sort of rows, each row with what was said of it and what is true."""
    facts, most = looked.card["target_facts"], looked.settings.worst
    if not most:
        return Part("Worst rows", '<p class="note">Not asked for (evaluate.examine.worst is 0).</p>')
    kind = plugins.load("evaluation.mistakes", looked.card["target"])
    bodies, numbers = [], {}
    for sheet in kind.sheets(looked.outputs, looked.target, facts, most):
        shown = cards.to_html(told(looked, sheet.rows)) if sheet.rows else f"<p>{escape(sheet.none)}</p>"
        bodies.append(f'<h3>{escape(sheet.title)}</h3><p class="note">{escape(sheet.note)}</p>{shown}')
        numbers[sheet.title] = looked.rows["id"].iloc[[wrong.row for wrong in sheet.rows]].tolist()
    return Part("Worst rows", "".join(bodies), numbers)


def told(looked: Looked, wrong: Iterable[Wrong]) -> list[Card]:
    """Return the cards of rows of which it is known what was said."""
    names = rows.named(looked.card, "input")
    return [
        Card(
            str(looked.rows["id"].iloc[each.row]),
            [looked.rows[name].iloc[each.row] for name in names],
            [("said", each.said), ("", each.detail), ("in truth", each.truth)],
            [] if each.said_at is None else [each.said_at, each.true_at],
            each.outlines,
        )
        for each in wrong
    ]


def of_rows(looked: Looked, places: Sequence[int] | np.ndarray) -> list[Card]:
    """Return the cards of any rows."""
    answers = plugins.load("examination.answers", looked.card["target"])
    facts, some = looked.card["target_facts"], np.asarray(places, np.int64)
    said = answers.said({name: array[some] for name, array in looked.outputs.items()}, facts)
    true = answers.true(looked.target[some], facts)
    return told(looked, (Wrong(*row) for row in zip(some.tolist(), said, [""] * len(some), true, strict=True)))
