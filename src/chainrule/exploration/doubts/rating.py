"""Ratings that look wrong: as of numbers, those far from what is said of the row."""

from chainrule.exploration.doubts.number import doubts

__all__ = ["doubts"]
