"""Rows that are none: what is known to be unlike a recipe's rows, made of these, a file per modality."""
