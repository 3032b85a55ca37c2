"""Metrics as sums, one file per kind of target: what each row adds, and what the sums mean."""
