"""What a page shows of audio classification: what it shows of one label."""

from chainrule.evaluation.figures.label import BESIDE, notes, pictures, tables, warnings, worst

__all__ = ["BESIDE", "notes", "pictures", "tables", "warnings", "worst"]
