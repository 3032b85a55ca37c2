"""The fields of item ranking: who met what, and that the user chose it."""

from chainrule.tasks.field import Field

MODALITIES = ("interaction",)
TARGET = "click"


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order."""
    return Field(modality, modality, "input"), Field("click", TARGET, "target")
