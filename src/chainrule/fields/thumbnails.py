"""Grey thumbnails of images, and which of them are alike, found exactly among many."""

import numpy as np

from chainrule.system.errors import DataError

SIDE = 16
_FULL = 255 * SIDE**2  # summed difference of a black and a white thumbnail
_CONTRAST = 0.15  # mean deviation from the median level from which on an image is taken to be filled
_PROJECTIONS = 16
_MAX_CANDIDATES = 20_000_000  # pairs to verify; 320 MB of indices
_CHUNK = 100_000  # pairs verified at once; 50 MB


def alike(thumbnails: np.ndarray, threshold: float) -> np.ndarray:
    """Return the index pairs [P, 2] (int64, first < second, sorted) of thumbnails (uint8 [N, 256]) that are alike.

    Alike means: the mean absolute difference is at most `threshold` of the full range; of images that are mostly one
    level (thin strokes on an empty ground) less in proportion, for these are close to each other by their emptiness
    alone: the less, the further the mean absolute deviation from the median level is below 0.15 of the full range, in
    the emptier of the two. No such pair is missed: with signs s, |mean(s * d)| <= mean|d|, so projections of the
    thumbnails on sign vectors are a contraction, and a k-d tree over them (Chebyshev distance) finds a superset, which
    is then verified. The signs are those of the leading principal components, along which the images differ most.

    Raises DataError when more than about 20 million pairs would have to be verified.
    """
    from scipy.spatial import KDTree

    signs = _principal_signs(thumbnails)
    projected = thumbnails.astype(np.float32) @ signs / _FULL
    tree = KDTree(projected, leafsize=32)
    radius = threshold + 1e-5  # room for rounding: the verification below is exact
    # Counted on every k-th image (all of them up to 2,000): counting all takes five times as long as finding
    # them.
    sample = projected[:: max(1, len(thumbnails) // 2_000)]
    found = tree.query_ball_point(sample, radius, p=np.inf, return_length=True).sum() - len(sample)
    candidates = int(found) * len(thumbnails) // len(sample) // 2
    if candidates > _MAX_CANDIDATES:
        raise DataError(
            f"about {candidates} pairs of {len(thumbnails)} images may be near duplicates at {threshold}: "
            "lower clean.near_duplicates"
        )
    pairs: np.ndarray = tree.query_pairs(radius, p=np.inf, output_type="ndarray").astype(np.int64)
    limits = np.floor(threshold * _FULL * _fullness(thumbnails) + 1e-9).astype(np.int64)
    near = np.zeros(len(pairs), bool)
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        difference = thumbnails[some[:, 0]].astype(np.int16) - thumbnails[some[:, 1]]
        near[start : start + _CHUNK] = np.abs(difference).sum(1, dtype=np.int64) <= limits[some].min(1)
    pairs = pairs[near]
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _fullness(thumbnails: np.ndarray) -> np.ndarray:
    """Return float64 [N] in 0 to 1: how much of each image is something else than its ground."""
    ground = np.median(thumbnails, axis=1, keepdims=True)
    return np.asarray(np.minimum(1, np.abs(thumbnails - ground).mean(axis=1) / (255 * _CONTRAST)))


def _principal_signs(thumbnails: np.ndarray) -> np.ndarray:
    """Return float32 [256, 16] of -1 and 1: the signs of the leading principal components of a sample."""
    step = max(1, len(thumbnails) // 10_000)
    sample = thumbnails[::step].astype(np.float32)
    sample -= sample.mean(0)
    _, vectors = np.linalg.eigh(sample.T @ sample)
    return np.where(vectors[:, ::-1][:, :_PROJECTIONS] >= 0, 1, -1).astype(np.float32)
