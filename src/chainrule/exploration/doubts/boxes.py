"""Boxes that look wrong: nothing, for the simple models that judge other targets see an image as a whole."""

from collections.abc import Sequence
from typing import Any, NoReturn

from chainrule.evaluation.parts import NotShownError
from chainrule.evaluation.selection import Fold


def doubts(simple: Any, inputs: Any, values: Sequence[str], folds: Sequence[Fold]) -> NoReturn:
    """Raise NotShownError: what simple models see of an image says nothing of what lies where in it."""
    raise NotShownError("boxes are judged by the worst validation images of a model, on examine.html, not beforehand")
