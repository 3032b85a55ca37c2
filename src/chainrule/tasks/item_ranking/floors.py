"""Floors of item ranking: those of clicks."""

from chainrule.evaluation.floors.click import floors

__all__ = ["floors"]
