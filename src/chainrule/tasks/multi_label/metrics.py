"""How answers of multi-label classification are scored: as sets of labels are."""

from chainrule.evaluation.scores.labels import (
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
    resampled,
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
    "resampled",
    "right",
    "statistics",
]
