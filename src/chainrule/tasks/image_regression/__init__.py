"""One number per image."""
