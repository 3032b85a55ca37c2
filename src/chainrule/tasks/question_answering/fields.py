"""The fields of question answering: a question, the passage that holds its answer, and the answer."""

from chainrule.tasks.field import Field

MODALITIES = ("text",)
TARGET = "answer"
WINDOWS = True
"""Whether a text may come in several windows of tokens."""


def fields(modality: str) -> tuple[Field, ...]:
    """Return the fields of a row whose inputs are of a modality, in their order; answers are places in the last."""
    return Field("question", modality, "input"), Field("context", modality, "input"), Field("answers", TARGET, "target")
