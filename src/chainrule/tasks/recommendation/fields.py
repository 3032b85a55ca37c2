"""The fields of recommendation: who met what, and the rating."""

from chainrule.tasks.field import Field

MODALITIES = ("interaction",)
TARGET = "rating"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field(modality, modality, "input"), Field("rating", TARGET, "target")
