"""Floors of table regression: those of a number."""

from chainrule.evaluation.floors.number import floors

__all__ = ["floors"]
