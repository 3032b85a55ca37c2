"""What simple models tell of an image, of a text, and of which text it is, each by itself.

That the answer to a question is often the same whatever the image shows is the first thing that a model of questions
about images learns (Goyal et al. 2017, "Making the V in VQA matter", https://arxiv.org/abs/1612.00837, section 1).
"""

from collections import defaultdict
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress
from chainrule.evaluation.floors import image, label, text
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.fields.image_text import Images

IMAGES = 5_000
"""Training rows, drawn by the seed, that a linear model of pixels is fitted to: it learns little, and slowly."""


def floors(
    train: Sequence[Any],
    target: np.ndarray,
    test: Sequence[Any],
    facts: Facts,
    seed: int,
    groups: Sequence[Any] | np.ndarray | None,
    progress: Progress,
) -> dict[str, Outputs]:
    """Return by name the probabilities float64 [N_test, classes] of each floor: of the texts, and of the images.

    train, test: Images and texts of rows; the rest as of `evaluation.floors.label`, which fits them.
    """
    (seen, read), (shown, asked) = train, test
    found = label.floors(OF_TEXTS, [read], target, [asked], facts, seed, groups, progress)
    majority = found.pop("majority_class")
    some = np.sort(np.random.default_rng(seed).permutation(len(target))[:IMAGES])
    kept = None if groups is None else np.asarray(groups)[some]
    of_images = label.floors(OF_IMAGES, [seen[some]], target[some], [shown], facts, seed, kept, progress)
    return {
        "majority_class": majority,
        "majority_of_text": {"probabilities": by_text(read, target, asked, majority["probabilities"])},
        **{f"text_{name}": outputs for name, outputs in found.items()},
        **{f"image_{name}": outputs for name, outputs in of_images.items() if name != "majority_class"},
    }


def by_text(train: Sequence[str], target: np.ndarray, test: Sequence[str], otherwise: np.ndarray) -> np.ndarray:
    """Return how often each class is the answer to the very same text in training; `otherwise` to one never met."""
    counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(otherwise.shape[1]))
    for each, place in zip(train, target.tolist(), strict=True):
        counts[each][place] += 1
    known = [
        counts[each] / counts[each].sum() if each in counts else own for each, own in zip(test, otherwise, strict=True)
    ]
    return np.stack(known)


def _pixels(train: Sequence[Images], test: Sequence[Images]) -> tuple[np.ndarray, np.ndarray]:
    return image.features([each.pixels() for each in train], [each.pixels() for each in test])


# Of many rows one fold held out says enough: their texts are few, and come again.
OF_TEXTS = SimpleNamespace(FEW_ROWS=10_000, features=text.features, classifiers=text.classifiers)
OF_IMAGES = SimpleNamespace(FEW_ROWS=0, features=_pixels, classifiers=image.classifiers)
