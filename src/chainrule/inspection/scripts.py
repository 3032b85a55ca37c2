"""Whether texts are of a script that puts no blanks between words, and how blanks stand in them."""

from chainrule.fields.scripts import HAN
from chainrule.inspection.examples import Examples

WORD = 3.0
"""Ideographs that stand together on average where blanks part words; where they part phrases there are more."""


def solid(found: Examples) -> bool:
    """Whether the texts are of a script that puts no blanks between words."""
    text = "".join(each for row in found.texts[:50] for each in row)
    return sum("\u3040" <= letter <= "\u9fff" for letter in text) > 0.2 * len(text)


def chinese(found: Examples) -> bool:
    """Whether there is an ideograph in the first texts."""
    return any(HAN.search(each) for row in found.texts[:50] for each in row)


def cut_into_words(found: Examples) -> bool:
    """Whether blanks stand between the words of a script that needs none, and not only between phrases."""
    runs = [run for row in found.texts[:500] for each in row for run in each.split() if HAN.match(run)]
    return len(runs) > len(found.texts[:500]) and sum(map(len, runs)) < WORD * len(runs)
