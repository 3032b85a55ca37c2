"""What the data page shows of targets, a file per kind."""
