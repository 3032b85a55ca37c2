"""How answers of translation are scored: as texts beside what a person wrote."""

from chainrule.evaluation.scores.wording import (
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
