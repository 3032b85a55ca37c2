"""Floors of word vectors: how often words are, and vectors made by counting."""

from chainrule.evaluation.floors.neighbours import floors

__all__ = ["floors"]
