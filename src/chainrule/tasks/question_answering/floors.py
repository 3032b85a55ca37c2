"""Floors of question answering: those of answers."""

from chainrule.evaluation.floors.answer import floors

__all__ = ["floors"]
