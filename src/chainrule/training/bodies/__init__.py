"""The model around a net, one file per kind of inputs: what is done before the net and after it, and its shapes."""
