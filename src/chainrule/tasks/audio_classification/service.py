"""One label per sound, the face for serving: an audio file in, the graph's input; its output in, probabilities."""

from chainrule.serving.answers.label import answer, check, schema
from chainrule.serving.parts.audio import prepare

__all__ = ["answer", "check", "prepare", "schema"]
