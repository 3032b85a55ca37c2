"""One label per row of a table."""
