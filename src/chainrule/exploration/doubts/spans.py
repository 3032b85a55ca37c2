"""Spans that look wrong: nothing, for the simple models that judge other targets see a text as a whole."""

from collections.abc import Sequence
from typing import Any

from chainrule.evaluation.parts import NotShownError
from chainrule.evaluation.selection import Fold
from chainrule.exploration.doubts.doubt import Doubts


def doubts(simple: Any, inputs: Any, values: Sequence[Any], folds: Sequence[Fold]) -> Doubts:
    """Raise NotShownError: the report of an evaluation lists rows whose spans a trained model finds wrong."""
    raise NotShownError("spans are parts of a text, and the simple models here see texts as a whole; see report.html")
