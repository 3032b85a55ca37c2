"""The order in which a user would choose items."""
