"""Floors of a mask per row: the commonest class everywhere, and pixels told apart by colour and position alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.fields.mask import IGNORED

PIXELS = 60_000
"""Marked pixels of training rows that the classifier is fitted to, as many of each row, drawn by the seed."""
AROUND = (3, 9)
"""Sides of the squares over which colours are averaged beside the pixel's own."""
TREES, LEAVES = 40, 15


def floors(
    kind: Any,
    train: Sequence[np.ndarray],
    target: np.ndarray,
    test: Sequence[np.ndarray],
    facts: Facts,
    seed: int,
    groups: Sequence[Any] | np.ndarray | None = None,
    progress: Progress = unseen,
) -> dict[str, Outputs]:
    """Return by name the masks uint8 [N_test, H, W] that each floor says; majority_class first.

    train, test: images uint8 [N, H, W, channels], in the one input field; target: places uint8 [N_train, H, W].
    pixel_classifier: gradient boosting (Friedman 2001, https://doi.org/10.1214/aos/1013203451) on the colour of a
    pixel, the mean colours around it, and where it lies. Raises ValueError on inputs that do not fit together.
    """
    (images,), (asked,) = train, test
    if len(images) != len(target) or not len(target):
        raise ValueError(f"{len(images)} training images and {len(target)} masks")
    counts = np.bincount(np.asarray(target).ravel(), minlength=256)[:IGNORED]
    majority = np.full(asked.shape[:3], counts.argmax(), np.uint8)
    model = _fitted(images, np.asarray(target), seed)
    said = [
        model.predict(features(image).reshape(-1, features(image[:1, :1]).shape[-1])).reshape(image.shape[:2])
        for image in progress(list(asked), "pixel classifier", "images")
    ]
    return {"majority_class": {"mask": majority}, "pixel_classifier": {"mask": np.stack(said).astype(np.uint8)}}


def features(image: np.ndarray) -> np.ndarray:
    """Return what is told of each pixel, float32 [H, W, D]: levels, mean levels around it, place from 0 to 1."""
    from scipy.ndimage import uniform_filter

    levels = image.astype(np.float32)
    high, wide, _ = levels.shape
    means = [uniform_filter(levels, (side, side, 0), mode="nearest") for side in AROUND]
    down, across = np.mgrid[0:high, 0:wide].astype(np.float32)
    place = np.stack([down / high, across / wide], axis=-1)
    return np.concatenate([levels, *means, place], axis=-1)


def _fitted(images: np.ndarray, target: np.ndarray, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(seed)
    each = max(1, PIXELS // len(images))
    seen, true = [], []
    for image, mask in zip(images, target, strict=True):
        marked = np.flatnonzero(mask.ravel() != IGNORED)
        drawn = rng.choice(marked, min(each, len(marked)), replace=False)
        told = features(image)
        seen.append(told.reshape(-1, told.shape[-1])[drawn])
        true.append(mask.ravel()[drawn])
    model = HistGradientBoostingClassifier(
        max_iter=TREES, max_leaf_nodes=LEAVES, early_stopping=False, random_state=seed
    )
    return model.fit(np.concatenate(seen), np.concatenate(true))
