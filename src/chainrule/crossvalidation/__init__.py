"""Cross-validation: a recipe trained anew on all but a part of its rows, and scored on that part, each part in turn."""
