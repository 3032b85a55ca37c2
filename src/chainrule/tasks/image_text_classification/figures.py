"""What a page shows of classification of images with texts: what it shows of one label."""

from chainrule.evaluation.figures.label import BESIDE, notes, pictures, tables, warnings, worst

__all__ = ["BESIDE", "notes", "pictures", "tables", "warnings", "worst"]
