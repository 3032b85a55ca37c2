"""What can be asked of inputs without a model, one file per kind: columns of numbers, dates and words, [N] each."""
