"""One text per text, in another language or another wording."""
