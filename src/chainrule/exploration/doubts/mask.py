"""Masks that look wrong: no simple model of whole images says a class for each pixel."""

from collections.abc import Sequence
from typing import Any, NoReturn

from chainrule.evaluation.parts import NotShownError
from chainrule.evaluation.selection import Fold


def doubts(simple: Any, inputs: Any, values: Sequence[str], folds: Sequence[Fold]) -> NoReturn:
    """Raise NotShownError: what simple models see of an image says nothing of its pixels one by one."""
    raise NotShownError("masks are judged by the worst validation images of a model, on examine.html, not beforehand")
