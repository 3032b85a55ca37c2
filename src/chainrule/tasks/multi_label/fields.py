"""The fields of multi-label classification: an image or a text, and the set of its labels."""

from chainrule.tasks.field import Field

MODALITIES = ("image", "text")
TARGET = "labels"
WINDOWS = True
"""Whether a text may come in several windows of tokens."""


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field(modality, modality, "input"), Field("labels", TARGET, "target")
