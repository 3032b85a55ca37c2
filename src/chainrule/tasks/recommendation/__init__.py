"""The rating that a user would give an item."""
