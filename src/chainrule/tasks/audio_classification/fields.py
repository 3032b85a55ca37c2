"""The fields of audio classification: a sound and its label."""

from chainrule.tasks.field import Field

MODALITIES = ("audio",)
TARGET = "label"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field(modality, modality, "input"), Field("label", TARGET, "target")
