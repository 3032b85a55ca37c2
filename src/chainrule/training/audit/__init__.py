"""The gradient audit: what the chain rule did along the depth of a net, layer by layer, while it was trained."""
