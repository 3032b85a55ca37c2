"""How answers of segmentation are scored: as masks are."""

from chainrule.evaluation.scores.mask import (
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
    "statistics",
]
