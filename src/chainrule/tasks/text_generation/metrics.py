"""How text generation is scored: by what the text costs to tell."""

from chainrule.evaluation.scores.continuation import (
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
