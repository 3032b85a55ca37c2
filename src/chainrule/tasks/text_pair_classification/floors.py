"""Floors of classification of pairs of texts: those of one label, on the words of each and those in both."""

from chainrule.evaluation.floors.label import floors

__all__ = ["floors"]
