"""Texts that share most of their runs of three words, found exactly among many."""

from collections.abc import Iterable

import numpy as np

from chainrule.system.errors import DataError

_SHINGLE = 3
_MAX_CANDIDATES = 20_000_000  # pairs to verify; 320 MB of indices
_MAX_MET = 2_000_000_000  # pairs that share a rare shingle; some minutes
_AT_ONCE = 2_000_000  # of these, looked at together; 200 MB
_WORDS = 8  # 64-bit words of a text's bitmap
_CHUNK = 100_000  # pairs verified at once


def alike(texts: Iterable[list[str]], count: int, threshold: float) -> np.ndarray:
    """Return the index pairs [P, 2] (int64, first < second, sorted) of `count` texts, given by their words.

    Alike means: the Jaccard similarity of their sets of word 3-shingles (a text of fewer words is one shingle) is at
    least `threshold`, and they share a shingle. The search is exact: of two sets that are so alike, each with its n
    shingles in one common order, the first n - ceil(threshold * n) + 1 must overlap (prefix filter: Bayardo, Ma and
    Srikant 2007, Scaling up all pairs similarity search). The order is rarest first, so a common phrase makes no
    candidates; and bitmaps bound what two sets have in common (bitmap filter: Sandes, Teodoro and Melo 2017).

    Raises DataError when two billion pairs would have to be looked at, or more than 20 million verified.
    """
    document, shingle = _shingles(texts, count)
    if not len(document):
        return np.zeros((0, 2), np.int64)
    _, shingle, frequency = np.unique(shingle, return_inverse=True, return_counts=True)
    order = np.lexsort((shingle, frequency[shingle], document))
    document, shingle = document[order], shingle[order]
    size = np.bincount(document, minlength=count)
    start = np.cumsum(size) - size
    prefix = size - np.ceil(threshold * size - 1e-9).astype(np.int64) + 1
    within = np.arange(len(document)) - start[document] < prefix[document]
    bitmaps = _bitmaps(document, shingle, count)
    pairs = _sharing(document[within], shingle[within], size, bitmaps, threshold, count)
    return _verified(pairs, document, shingle, size, threshold)


def _shingles(texts: Iterable[list[str]], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (document, shingle), int64 and uint64 [S]: the distinct shingles of every text, in order."""
    numbers: dict[str, int] = {}
    flat: list[int] = []
    lengths = np.zeros(count, np.int64)
    for index, found in enumerate(texts):
        if found and len(found) < _SHINGLE:
            found += [""] * (_SHINGLE - len(found))
        lengths[index] = len(found)
        flat.extend(numbers.setdefault(word, len(numbers) + 1) for word in found)
    word = np.array(flat, np.uint64)
    document = np.repeat(np.arange(count), lengths)
    if not len(word):
        return document, word
    # Three odd 64-bit constants; sums wrap around, and a chance meeting of two shingles needs billions of
    # them.
    mixed = word[:-2] * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= (word[1:-1] * np.uint64(0xC2B2AE3D27D4EB4F)) << np.uint64(1)
    mixed += word[2:] * np.uint64(0x165667B19E3779F9)
    whole = document[:-2] == document[2:]
    document, mixed = document[:-2][whole], mixed[whole]
    order = np.lexsort((mixed, document))
    document, mixed = document[order], mixed[order]
    new = np.ones(len(mixed), bool)
    new[1:] = (document[1:] != document[:-1]) | (mixed[1:] != mixed[:-1])
    return document[new], mixed[new]


def _bitmaps(document: np.ndarray, shingle: np.ndarray, count: int) -> np.ndarray:
    """Return uint64 [count, _WORDS]: of each text, one bit set for each of its shingles, which may share bits."""
    found = np.zeros((count, _WORDS), np.uint64)
    mixed = (shingle.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - 6 - _WORDS.bit_length() + 1)
    np.bitwise_or.at(
        found, (document, (mixed >> np.uint64(6)).astype(np.int64)), np.uint64(1) << (mixed & np.uint64(63))
    )
    return found


def _sharing(
    document: np.ndarray, shingle: np.ndarray, size: np.ndarray, bitmaps: np.ndarray, threshold: float, count: int
) -> np.ndarray:
    """Return the pairs [P, 2] of documents that share a shingle and whose sizes and bitmaps allow the similarity."""
    order = np.lexsort((document, shingle))
    document, shingle = document[order], shingle[order]
    ends = np.searchsorted(shingle, shingle, side="right")
    following = ends - np.arange(len(shingle)) - 1  # later members of the same bucket
    upto = np.cumsum(following)
    total = int(upto[-1])
    if total > _MAX_MET:
        raise DataError(_too_many(total, count, threshold))
    keys = np.zeros(0, np.int64)
    start = 0
    while start < len(following):
        # As many members as have few enough followers together, one at least.
        before = int(upto[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(upto, before + _AT_ONCE, side="right")))
        some = following[start:end]
        first = np.repeat(np.arange(start, end), some)
        second = np.arange(len(first)) - np.repeat(np.cumsum(some) - some, some) + first + 1
        one, other = document[first], document[second]
        able = _able(one, other, size, bitmaps, threshold)
        keys = np.unique(np.concatenate([keys, one[able] * count + other[able]]))
        if len(keys) > _MAX_CANDIDATES:
            raise DataError(_too_many(len(keys), count, threshold))
        start = end
    return np.stack([keys // count, keys % count], axis=1)


def _able(one: np.ndarray, other: np.ndarray, size: np.ndarray, bitmaps: np.ndarray, threshold: float) -> np.ndarray:
    """Return which pairs may be so alike, as places in the arrays.

    A bit that only one of two bitmaps has is a shingle that the other lacks: so many bits, so many shingles at least.
    """
    small, large = np.minimum(size[one], size[other]), np.maximum(size[one], size[other])
    possible = np.flatnonzero(small >= threshold * large - 1e-9)
    one, other = one[possible], other[possible]
    apart = np.bitwise_count(bitmaps[one] ^ bitmaps[other]).sum(axis=1, dtype=np.int64)
    both = size[one] + size[other]
    # With c in common, apart <= both - 2c and c >= threshold / (1 + threshold) * both.
    enough: np.ndarray = possible[(both - apart) / 2 >= threshold / (1 + threshold) * both - 1e-9]
    return enough


def _too_many(pairs: int, count: int, threshold: float) -> str:
    return (
        f"{pairs} pairs of {count} texts are candidates for near duplicates at {threshold}: raise clean.near_duplicates"
    )


def _verified(
    pairs: np.ndarray, document: np.ndarray, shingle: np.ndarray, size: np.ndarray, threshold: float
) -> np.ndarray:
    """Return those pairs whose Jaccard similarity, computed in full, is at least `threshold`."""
    from scipy.sparse import csr_array

    shape = (len(size), int(shingle.max()) + 1)
    incidence = csr_array((np.ones(len(shingle), np.int32), (document, shingle)), shape=shape)
    alike = np.zeros(len(pairs), bool)
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        common = np.asarray(incidence[some[:, 0]].multiply(incidence[some[:, 1]]).sum(axis=1)).ravel()
        union = size[some[:, 0]] + size[some[:, 1]] - common
        alike[start : start + _CHUNK] = common >= threshold * union - 1e-9
    return pairs[alike]
