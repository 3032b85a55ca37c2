"""One label per sound."""
