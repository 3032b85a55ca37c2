"""What is answered, one file per kind of target: a graph's outputs for one item in, plain data out."""
