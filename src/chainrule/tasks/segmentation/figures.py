"""What a page shows of segmentation: what it shows of masks."""

from chainrule.evaluation.figures.mask import BESIDE, notes, pictures, tables, warnings, worst

__all__ = ["BESIDE", "notes", "pictures", "tables", "warnings", "worst"]
