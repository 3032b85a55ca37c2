"""The fields of table classification: a row of a table and its label."""

from chainrule.tasks.field import Field

MODALITIES = ("table",)
TARGET = "label"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field("row", modality, "input"), Field("label", TARGET, "target")
