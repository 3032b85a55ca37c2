"""Texts whose words are to be placed: how long they are in each split, as of texts that go on."""

from chainrule.exploration.targets.continuation import associated, balance, buckets, said

__all__ = ["associated", "balance", "buckets", "said"]
