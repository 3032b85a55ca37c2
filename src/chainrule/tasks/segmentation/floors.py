"""Floors of segmentation: those of masks."""

from chainrule.evaluation.floors.mask import floors

__all__ = ["floors"]
