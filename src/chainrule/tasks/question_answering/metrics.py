"""How answers to questions are scored: as SQuAD scores them."""

from chainrule.evaluation.scores.answer import (
    CALIBRATED,
    HEADLINE,
    PRIMARY,
    SCORES,
    agree,
    aligned,
    comparable,
    joined,
    metrics,
    statistics,
)

__all__ = [
    "CALIBRATED",
    "HEADLINE",
    "PRIMARY",
    "SCORES",
    "agree",
    "aligned",
    "comparable",
    "joined",
    "metrics",
    "statistics",
]
