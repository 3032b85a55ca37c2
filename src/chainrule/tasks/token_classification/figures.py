"""What a page shows of token classification: what it shows of spans."""

from chainrule.evaluation.figures.spans import BESIDE, notes, pictures, tables, warnings, worst

__all__ = ["BESIDE", "notes", "pictures", "tables", "warnings", "worst"]
