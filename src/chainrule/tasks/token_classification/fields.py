"""The fields of token classification: a text, and its spans, such as the names of people and places in it."""

from chainrule.tasks.field import Field

MODALITIES = ("text",)
TARGET = "spans"
WINDOWS = True
"""Whether a text may come in several windows of tokens."""


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field("text", modality, "input"), Field("spans", TARGET, "target")
