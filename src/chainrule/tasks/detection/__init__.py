"""Where the things in an image are, and which."""
