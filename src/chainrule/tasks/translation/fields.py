"""The fields of translation: a text, and the text that is to be written for it."""

from chainrule.tasks.field import Field

MODALITIES = ("text",)
TARGET = "wording"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field("source", modality, "input"), Field("translation", TARGET, "target")
