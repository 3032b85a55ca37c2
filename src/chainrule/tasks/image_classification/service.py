"""One label per image, the face for serving: an image file in, the graph's input; its output in, probabilities."""

from chainrule.serving.answers.label import answer, check, schema
from chainrule.serving.parts.image import prepare

__all__ = ["answer", "check", "prepare", "schema"]
