"""What a decoder graph keeps of the tokens before (keys and values by layer), of sequences of unlike length together.

Sequences stand flush on the right, so that a new token follows the last of each; what is before them is padding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass
class Cache:
    """The past of B sequences."""

    past: Arrays
    """float [B, H, P, D] by input name, such as past_key_0."""
    lengths: np.ndarray
    """int64 [B]: how many tokens of each are real, the last ones."""

    def mask(self, new: int) -> np.ndarray:
        """Return attention_mask int64 [B, P + new] where so many real tokens follow."""
        places = np.arange(self.places + new)
        found: np.ndarray = (places >= self.places - self.lengths[:, None]).astype(np.int64)
        return found

    @property
    def places(self) -> int:
        """P: the places of each sequence, padding included."""
        return int(next(iter(self.past.values())).shape[2])

    def rows(self, index: np.ndarray) -> "Cache":
        """Return these sequences, of which one may come more than once, without padding that all have."""
        lengths = self.lengths[index]
        spare = self.places - int(lengths.max(initial=0))
        if not spare and len(index) == len(self.lengths) and (index == np.arange(len(index))).all():
            return self
        return Cache({name: array[index][:, :, spare:] for name, array in self.past.items()}, lengths)


def empty(shapes: Mapping[str, tuple[int, int]], rows: int) -> Cache:
    """Return a cache without tokens; shapes: heads and their width by input name."""
    past = {name: np.zeros((rows, heads, 0, width), np.float32) for name, (heads, width) in shapes.items()}
    return Cache(past, np.zeros(rows, np.int64))


def joined(caches: Sequence[Cache]) -> Cache:
    """Return all sequences of several caches, filled up on the left."""
    if len(caches) == 1:
        return caches[0]
    longest = max(cache.places for cache in caches)
    past = {}
    for name in caches[0].past:
        arrays = [cache.past[name] for cache in caches]
        past[name] = np.concatenate([_filled(array, longest) for array in arrays])
    return Cache(past, np.concatenate([cache.lengths for cache in caches]))


def flush_right(present: Mapping[str, np.ndarray], lengths: np.ndarray) -> Cache:
    """Return the cache of sequences that stand flush on the left, of these lengths [B]; present: [B, H, P, D]."""
    longest = int(lengths.max())
    # Where the last tokens of each are; what is before the first of a shorter one is padding, whatever it holds.
    places = np.arange(longest) - (longest - lengths[:, None])
    index = np.maximum(places, 0)[:, None, :, None]
    past = {
        name: np.take_along_axis(array[:, :, :longest], np.broadcast_to(index, (len(lengths), 1, longest, 1)), axis=2)
        for name, array in present.items()
    }
    return Cache(past, lengths)


def _filled(array: np.ndarray, longest: int) -> np.ndarray:
    missing = longest - array.shape[2]
    return np.pad(array, ((0, 0), (0, 0), (missing, 0), (0, 0))) if missing else array
