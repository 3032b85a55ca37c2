"""A question about a passage, and the words of the passage that answer it."""
