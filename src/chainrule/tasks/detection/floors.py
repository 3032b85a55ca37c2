"""Floors of detection: those of boxes."""

from chainrule.evaluation.floors.boxes import floors

__all__ = ["floors"]
