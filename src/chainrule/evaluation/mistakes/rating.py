"""Mistakes of ratings: those of a number, the answers furthest above and furthest below the truth."""

from chainrule.evaluation.mistakes.number import bad, confused, sheets

__all__ = ["bad", "confused", "sheets"]
