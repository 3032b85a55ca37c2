"""A label: the name of one class."""
