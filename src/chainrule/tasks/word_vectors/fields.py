"""The field of word vectors: a text, which is given, and whose words are to be placed."""

from chainrule.tasks.field import Field

MODALITIES = ("text",)
TARGET = "neighbours"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order: one column in two roles."""
    return Field("text", modality, "input"), Field("text", TARGET, "target")
