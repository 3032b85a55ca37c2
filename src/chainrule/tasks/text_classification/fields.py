"""The fields of text classification: a text and its label."""

from chainrule.tasks.field import Field

MODALITIES = ("text",)
TARGET = "label"
WINDOWS = True
"""Whether a text may come in several windows of tokens."""


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field(modality, modality, "input"), Field("label", TARGET, "target")
