"""A score by which items are put in order: itself."""

from chainrule.evaluation.explanation.targets.number import EXPLAINED, OUTPUT, SAID, gradient, likeliest, score

__all__ = ["EXPLAINED", "OUTPUT", "SAID", "gradient", "likeliest", "score"]
