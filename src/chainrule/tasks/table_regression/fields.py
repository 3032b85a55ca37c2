"""The fields of table regression: a row of a table and a number."""

from chainrule.tasks.field import Field

MODALITIES = ("table",)
TARGET = "number"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field("row", modality, "input"), Field("target", TARGET, "target")
