"""The fields of classification of images with texts: an image, a text, of which one may be missing, and their label."""

from chainrule.tasks.field import Field

MODALITIES = ("image_text",)
TARGET = "label"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return (
        Field("image", "image", "input", optional=True),
        Field("text", "text", "input", optional=True),
        Field("label", TARGET, "target"),
    )
