"""Simple models by kind of input, fitted to rows and asked about others: seconds, no base and no torch.

Each module has TITLE, `most` (how many such rows it can be fitted to in a few seconds), `features`, and of these
`one_of`, `each_of` and `value`: what it says of every row, fitted to the rows of the other folds.
"""
