"""The fields of text pair classification: two texts, such as a claim and what may follow from it, and their label."""

from chainrule.tasks.field import Field

MODALITIES = ("text",)
TARGET = "label"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field("first", modality, "input"), Field("second", modality, "input"), Field("label", TARGET, "target")
