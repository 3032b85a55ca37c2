"""Spans per row, in words, and how well they were told."""

import numpy as np

from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores import spans
from chainrule.fields import tags
from chainrule.fields.tags import Span


def said(outputs: Outputs, facts: Facts) -> list[str]:
    """Return the spans that are said of each row."""
    return [_named(own.spans, facts) for own in spans.answers(outputs)]


def true(target: np.ndarray, facts: Facts) -> list[str]:
    """Return the true spans of each row; `target` int [N, S, 3]."""
    return [_named(own, facts) for own in tags.listed(np.asarray(target))]


def standing(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return how well each row is told, float64 [N]: how sure its least sure word is, below 0 where spans are wrong."""
    sure = [float(np.exp(own.scores.max(axis=1).min(initial=0.0))) for own in tags.rows(outputs)]
    return np.where(spans.right(outputs, target, facts), np.nan_to_num(sure, nan=1.0), -np.nan_to_num(sure, nan=1.0))


def _named(own: list[Span], facts: Facts) -> str:
    return ", ".join(f"{facts['classes'][span.label]} {span.start}–{span.end}" for span in own) or "no span"
