"""How answers of table regression are scored: as numbers are."""

from chainrule.evaluation.scores.number import (
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
