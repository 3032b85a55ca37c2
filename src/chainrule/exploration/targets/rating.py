"""A rating to tell: how it is spread in each split, as of a number."""

from chainrule.exploration.targets.number import associated, balance, buckets, said

__all__ = ["associated", "balance", "buckets", "said"]
