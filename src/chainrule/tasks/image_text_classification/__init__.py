"""One label per image and text, such as a question about the image."""
