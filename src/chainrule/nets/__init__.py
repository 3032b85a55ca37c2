"""Architectures, one file per name."""
