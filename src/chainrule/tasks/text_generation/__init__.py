"""A text goes on: a causal language model."""
