"""Spans of a text, the face for serving: a text in, the graph's inputs; its output in, spans with their places."""

from chainrule.serving.answers.spans import answer, check, schema
from chainrule.serving.parts.text import prepare

__all__ = ["answer", "check", "prepare", "schema"]
