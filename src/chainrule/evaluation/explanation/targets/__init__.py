"""The one number that is explained, one file per kind of target: of a graph's outputs. No torch."""
