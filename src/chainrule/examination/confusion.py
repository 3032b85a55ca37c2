"""What is taken for what, with the rows themselves."""

from html import escape

from chainrule.evaluation import cards
from chainrule.evaluation.parts import Part
from chainrule.examination import worst
from chainrule.examination.looked import Looked
from chainrule.system import plugins

PAIRS, ROWS = 6, 6
"""Confusions that are opened, and rows of each that are shown."""


def part(looked: Looked) -> Part | None:
    """Return the most frequent confusions, each to be opened; None of a target that knows none."""
    kind = plugins.load("evaluation.mistakes", looked.card["target"])
    facts = looked.card["target_facts"]
    if "classes" not in facts:
        return None
    found = kind.confused(looked.outputs, looked.target, facts)
    if not found:
        return Part("Confusions", "<p>None: every row that was looked at is answered right.</p>", {})
    bodies = []
    for place, (title, rows) in enumerate(found[:PAIRS]):
        shown = cards.to_html(worst.of_rows(looked, rows[:ROWS]))
        said = f"<summary><b><bdi>{escape(title)}</bdi></b>: {len(rows):,} row{'s' * (len(rows) != 1)}</summary>"
        bodies.append(f"<details{' open' if not place else ''}>{said}{shown}</details>")
    note = f'<p class="note">The {PAIRS} most frequent of {len(found):,}.</p>' if len(found) > PAIRS else ""
    numbers = {title: len(rows) for title, rows in found[:PAIRS]}
    return Part("Confusions", "".join(bodies) + note, numbers)
