"""One label per text, the face for serving: a text in, the graph's inputs; its output in, probabilities."""

from chainrule.serving.answers.label import answer, check, schema
from chainrule.serving.parts.text import prepare

__all__ = ["answer", "check", "prepare", "schema"]
