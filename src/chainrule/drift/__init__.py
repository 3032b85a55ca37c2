"""Drift: whether rows that come in are still of the kind that the model knows.

A thin layer on NumPy and SciPy: no library was found that permutes whole groups of rows, which is what keeps the level
honest here. Of those looked at in 2026-11, alibi-detect and frouros need an older NumPy, and evidently, nannyml and
deepchecks bring from 24 to over 60 packages.
"""
