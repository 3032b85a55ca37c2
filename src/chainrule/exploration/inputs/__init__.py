"""What the data page shows of inputs, a file per kind."""
