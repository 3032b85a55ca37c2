"""Floors of translation: those of a text that is written for a text."""

from chainrule.evaluation.floors.wording import floors

__all__ = ["floors"]
