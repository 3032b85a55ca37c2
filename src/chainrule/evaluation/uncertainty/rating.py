"""What is known of the doubt in ratings: their intervals, as of a number."""

from chainrule.evaluation.uncertainty.number import ENERGY, EXCLUSIVE, fit, measured, shown

__all__ = ["ENERGY", "EXCLUSIVE", "fit", "measured", "shown"]
