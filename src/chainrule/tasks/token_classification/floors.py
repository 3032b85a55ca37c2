"""Floors of token classification: those of spans."""

from chainrule.evaluation.floors.spans import floors

__all__ = ["floors"]
