"""Two models on the same rows: metrics, slices, rows that changed sides, speed and size beside each other."""
