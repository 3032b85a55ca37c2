"""The fields of image regression: an image and a number."""

from chainrule.tasks.field import Field

MODALITIES = ("image",)
TARGET = "number"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field(modality, modality, "input"), Field("target", TARGET, "target")
