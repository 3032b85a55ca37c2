"""Detection, the face for serving: an image file in, the graph's input; its outputs in, the boxes."""

from chainrule.serving.answers.boxes import answer, check, schema
from chainrule.serving.parts.image import prepare

__all__ = ["answer", "check", "prepare", "schema"]
