"""What a page shows of table regression: what it shows of a number."""

from chainrule.evaluation.figures.number import BESIDE, notes, pictures, tables, warnings, worst

__all__ = ["BESIDE", "notes", "pictures", "tables", "warnings", "worst"]
