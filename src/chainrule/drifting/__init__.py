"""What `chainrule.drift` is made of: samples, statistics under permutation, the comparison, its report."""
