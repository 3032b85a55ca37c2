"""One number per row of a table."""
