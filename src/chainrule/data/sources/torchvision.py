"""Data sets of images that torchvision knows by name, such as MNIST, CIFAR10 and Flowers102."""

import inspect
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.data.formats import cards
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

GIVES = ("image", "label")
SPLITS = {"train": "train", "trainval": "train", "val": "validation", "valid": "validation", "test": "test"}
"""Names of torchvision's splits, and the parts that they are."""
CACHE = Path("chainrule") / "torchvision"


def read(path: Path) -> "pd.DataFrame":
    """Raw rows of the set that the card `path` names under `dataset`, with its official parts, in their order.

    `folder` in the card is where the files are, from the card's own folder; without it they are in the user's cache,
    and are downloaded there if they are not yet. `image` holds PNG bytes, `label` the name of the class. Raises
    DataError for a card that names no such set, and where files are not here and their host does not answer.
    """
    import pandas as pd

    path = Path(path)
    card = cards.read(path, ("dataset",), "torchvision")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / CACHE
    folder = path.parent / str(card["folder"]) if "folder" in card else cache
    columns: dict[str, list[Any]] = {
        name: [] for name in ("id", "group", "image", "label", "part", "origin", "problem")
    }
    for split, rows in _splits(path, card["dataset"], folder):
        classes = getattr(rows, "classes", None)
        for at, (picture, number) in enumerate(rows):
            name = f"{split}/{at:06d}"
            buffer = io.BytesIO()
            picture.save(buffer, format="PNG", compress_level=1)
            label = str(classes[int(number)]) if classes else str(number)
            own = (name, name, buffer.getvalue(), label, SPLITS[split], f"{card['dataset']}/{split}:{at + 1}", None)
            for key, value in zip(columns, own, strict=True):
                columns[key].append(value)
    return pd.DataFrame(
        {name: pd.Series(own, dtype=object if name == "image" else "str") for name, own in columns.items()}
    )


def _splits(path: Path, name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield the splits of a set by name."""
    from torchvision import datasets

    known = getattr(datasets, name, None)
    arguments = inspect.signature(known).parameters if inspect.isclass(known) else {}
    if "train" in arguments and "download" in arguments:
        wanted: list[tuple[str, dict[str, Any]]] = [("train", {"train": True}), ("test", {"train": False})]
    elif "split" in arguments and "download" in arguments:
        wanted = [(split, {"split": split}) for split in SPLITS]
    else:
        raise DataError(
            f"{path}: torchvision has no set {name!r} of images and classes that it can bring; such as MNIST, "
            "FashionMNIST, KMNIST, CIFAR10, CIFAR100, SVHN, STL10, Flowers102, DTD, GTSRB"
        )
    for split, options in wanted:
        rows = _brought(path, known, name, folder, options)
        if rows is not None:
            yield split, rows


def _brought(path: Path, known: Any, name: str, folder: Path, options: dict[str, Any]) -> Any:
    """Return one split, from the disk or else from its host; None where the set has no such split."""
    try:
        return known(folder, download=False, **options)
    except ValueError as error:
        if "split" in options and "split" in str(error):
            return None
        raise DataError(f"{path}: {name} in {folder} cannot be read ({error}); remove it there") from None
    except (RuntimeError, OSError):
        pass  # not here yet
    try:
        return known(folder, download=True, **options)
    except (RuntimeError, OSError, ValueError) as error:
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(
            f"{path}: {name} is not in {folder}, and its host does not answer ({said}); where it does, run "
            f"torchvision.datasets.{name}(FOLDER, download=True), bring FOLDER here and name it as `folder` in the card"
        ) from None
