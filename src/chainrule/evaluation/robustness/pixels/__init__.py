"""Corruptions of pixels, float64 [H, W] or [H, W, 3] from 0 to 1; what comes out may lie outside, and is cut there."""
