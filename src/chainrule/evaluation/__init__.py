"""Scores, intervals, floors, figures."""
