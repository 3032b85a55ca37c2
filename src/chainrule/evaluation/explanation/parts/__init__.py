"""What a row is made of, one file per kind of input: its parts, and the row with some of them hidden. No torch."""
