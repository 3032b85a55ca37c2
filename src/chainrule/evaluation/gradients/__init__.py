"""The page of the gradient audit: the chain rule along depth, and every layer over the training."""
