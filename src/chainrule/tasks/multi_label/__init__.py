"""A set of labels per image or text."""
