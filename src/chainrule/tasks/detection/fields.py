"""The fields of detection: an image and the boxes over it."""

from chainrule.tasks.field import Field

MODALITIES = ("image",)
TARGET = "boxes"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field(modality, modality, "input"), Field("boxes", TARGET, "target")
