"""What a page shows of item ranking: what it shows of clicks."""

from chainrule.evaluation.figures.click import BESIDE, notes, pictures, tables, warnings, worst

__all__ = ["BESIDE", "notes", "pictures", "tables", "warnings", "worst"]
