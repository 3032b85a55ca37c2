"""Clicks that look wrong: none, they are all alike."""

from collections.abc import Sequence
from typing import Any

from chainrule.evaluation.parts import NotShownError
from chainrule.evaluation.selection import Fold
from chainrule.exploration.doubts.doubt import Doubts


def doubts(simple: Any, inputs: Any, values: Sequence[float], folds: Sequence[Fold]) -> Doubts:
    """Raise NotShownError: what was chosen is chosen."""
    raise NotShownError("all rows say the same, that an item was chosen")
