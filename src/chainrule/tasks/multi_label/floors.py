"""Floors of sets of labels: those of each label."""

from chainrule.evaluation.floors.labels import floors

__all__ = ["floors"]
