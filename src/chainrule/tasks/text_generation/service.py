"""A text goes on, the face for serving: a prompt in, the graph's inputs; what was written behind it, its text."""

from chainrule.serving.answers.continuation import answer, check, schema
from chainrule.serving.parts.text import prepare

__all__ = ["answer", "check", "prepare", "schema"]
