"""Objectives, strategies, the loop, checkpoints."""
