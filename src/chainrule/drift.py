"""Drift: whether rows that come in are still of the kind that the model knows.

A thin layer on NumPy and SciPy: no library was found that permutes whole groups of rows, which is what keeps the level
honest here. Of those looked at in 2026-11, alibi-detect and frouros need an older NumPy, and evidently, nannyml and
deepchecks bring from 24 to over 60 packages.
"""

from chainrule.drifting.comparison import ALPHA, Report, Test, between
from chainrule.drifting.report import figure, metrics, page, summary, verdict, write
from chainrule.drifting.sample import Sample, rows_sample, served_sample

__all__ = [
    "ALPHA", "Report", "Sample", "Test", "between", "figure", "metrics", "page", "rows_sample", "served_sample",
    "summary", "verdict", "write",
]  # fmt: skip
