"""A rating in words, and how well it was told: as of a number."""

from chainrule.examination.answers.number import said, standing, true

__all__ = ["said", "standing", "true"]
