"""Traits of interactions: who, what, and the features of both, as the cells of a table."""

from chainrule.evaluation.slices.traits.table import traits

__all__ = ["traits"]
