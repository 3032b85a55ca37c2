"""What differs between kinds of value, one file per kind."""
