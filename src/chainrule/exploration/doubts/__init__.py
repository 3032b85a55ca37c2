"""Which targets look wrong, by their kind: what was given beside what is said of rows that were not fitted to.

Each module has `doubts`.
"""
