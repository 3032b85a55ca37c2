"""Cheap honest models per modality: what a user gets without any of the chain."""
