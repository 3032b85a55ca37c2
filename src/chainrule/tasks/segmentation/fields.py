"""The fields of segmentation: an image and a mask over it."""

from chainrule.tasks.field import Field

MODALITIES = ("image",)
TARGET = "mask"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field(modality, modality, "input"), Field("mask", TARGET, "target")
