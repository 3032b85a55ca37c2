"""Texts that look wrong: what is far too long or short for its source, and what repeats it, cleaning turns away."""

from collections.abc import Sequence
from typing import Any, NoReturn

from chainrule.evaluation.parts import NotShownError
from chainrule.evaluation.selection import Fold


def doubts(simple: Any, inputs: Any, values: Sequence[Any], folds: Sequence[Fold]) -> NoReturn:
    """Raise NotShownError: no simple model writes texts."""
    raise NotShownError(
        "no simple model tells texts; pairs of absurd lengths and texts that repeat their source were turned away"
    )
