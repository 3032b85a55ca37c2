"""What a page shows of detection: what it shows of boxes."""

from chainrule.evaluation.figures.boxes import BESIDE, notes, pictures, tables, warnings, worst

__all__ = ["BESIDE", "notes", "pictures", "tables", "warnings", "worst"]
