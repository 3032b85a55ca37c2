"""How answers of token classification are scored: as spans are."""

from chainrule.evaluation.scores.spans import (
    CALIBRATED,
    HEADLINE,
    PRIMARY,
    SCORES,
    agree,
    aligned,
    comparable,
    details,
    joined,
    metrics,
    right,
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
    "details",
    "joined",
    "metrics",
    "right",
    "statistics",
]
