"""Floors of text generation: n-grams of the same tokens."""

from chainrule.evaluation.floors.continuation import floors

__all__ = ["floors"]
