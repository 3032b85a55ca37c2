"""Spans of a text with a label each: named entities and the like."""
