"""Texts whose words are to be placed: nobody gave them a label that could be wrong."""

from chainrule.exploration.doubts.continuation import doubts

__all__ = ["doubts"]
