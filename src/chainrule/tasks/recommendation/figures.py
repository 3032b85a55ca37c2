"""What a page shows of recommendation: what it shows of ratings."""

from chainrule.evaluation.figures.rating import BESIDE, notes, pictures, tables, warnings, worst

__all__ = ["BESIDE", "notes", "pictures", "tables", "warnings", "worst"]
