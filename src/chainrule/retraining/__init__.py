"""When to train anew, and what was decided."""
