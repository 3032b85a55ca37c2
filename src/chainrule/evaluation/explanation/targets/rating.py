"""A rating: itself, on the scale."""

from chainrule.evaluation.explanation.targets.number import EXPLAINED, OUTPUT, SAID, gradient, likeliest, score

__all__ = ["EXPLAINED", "OUTPUT", "SAID", "gradient", "likeliest", "score"]
