"""How answers of audio classification are scored: as one label is."""

from chainrule.evaluation.scores.label import (
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
