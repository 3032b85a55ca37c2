"""Floors of recommendation: those of ratings."""

from chainrule.evaluation.floors.rating import floors

__all__ = ["floors"]
