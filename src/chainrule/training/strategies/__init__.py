"""Which weights learn and how fast, one file per strategy."""
