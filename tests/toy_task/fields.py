"""The fields of star rating: a text and its stars."""

from chainrule.tasks.field import Field

MODALITIES = ("text",)
TARGET = "number"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field("text", modality, "input"), Field("stars", TARGET, "target")
