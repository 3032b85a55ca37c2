"""The field of text generation: a text, which is given and which is to be told."""

from chainrule.tasks.field import Field

MODALITIES = ("text",)
TARGET = "continuation"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order: one column in two roles."""
    return Field("text", modality, "input"), Field("text", TARGET, "target")
