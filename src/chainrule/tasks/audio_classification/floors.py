"""Floors of audio classification: those of one label."""

from chainrule.evaluation.floors.label import floors

__all__ = ["floors"]
