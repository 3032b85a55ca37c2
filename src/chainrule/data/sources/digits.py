"""The 1,797 handwritten digits that come with scikit-learn, 8 by 8 pixels, ten classes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

GIVES = ("image", "label")


def read(path: Path, *, block: int) -> "pd.DataFrame":
    """Raw rows of the digits in their original order; `path` is their card (data/sources/digits.yaml).

    `image` holds PNG bytes (mode L, 8 by 8; the values 0..16 scaled to 0..255), `label` a class name of the
    card. The data keep the images of a writer together but do not name the writers, so a group is a `block`
    of that many consecutive images. The card's checksums tell when a scikit-learn brings other data. Raises
    DataError then, and for a bad card.
    """
    import io

    import pandas as pd
    from PIL import Image

    card = _card(Path(path))
    pixels, digits = _bundled(Path(path), card)
    scaled = ((pixels.astype("uint16") * 255 + 8) // 16).astype("uint8").reshape(-1, 8, 8)
    images = []
    for array in scaled:
        buffer = io.BytesIO()
        Image.fromarray(array).save(buffer, format="PNG", compress_level=1)
        images.append(buffer.getvalue())
    count = range(len(images))
    return pd.DataFrame(
        {
            "id": pd.Series([f"digits/{i:06d}" for i in count], dtype="str"),
            "group": pd.Series([f"block/{i // block:06d}" for i in count], dtype="str"),
            "image": pd.Series(images, dtype=object),
            "label": pd.Series([card["classes"][digit] for digit in digits], dtype="str"),
            "part": pd.Series([None] * len(images), dtype="str"),
            "origin": pd.Series([f"digits.csv.gz:{i + 1}" for i in count], dtype="str"),
            "problem": pd.Series([None] * len(images), dtype="str"),
        }
    )


def _card(path: Path) -> dict[str, Any]:
    import yaml

    card: dict[str, Any] | None
    try:
        card = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); source.path must name the digits card") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not valid YAML; restore the card from the repository") from error
    for key in ("classes", "sha256"):
        if not isinstance(card, dict) or key not in card:
            raise DataError(f"{path}: has no {key!r}; restore the card from the repository")
    if len(card["classes"]) != 10:
        raise DataError(f"{path}: names {len(card['classes'])} classes instead of 10; restore the card")
    return card


def _bundled(path: Path, card: dict[str, Any]) -> "tuple[np.ndarray, np.ndarray]":
    """Pixels (n, 64) and digits (n,), both uint8, from the file in the installed package.

    The file is read directly: importing sklearn.datasets takes up to three seconds, this takes a fraction of
    one.
    """
    import gzip
    import hashlib
    import zlib
    from importlib.util import find_spec

    import numpy as np

    spec = find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"{path}: needs scikit-learn, which holds the digits; `uv sync` installs it")
    file = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    try:
        content = gzip.decompress(file.read_bytes())
        table = np.array(content.replace(b"\n", b",").rstrip(b",").split(b","), dtype="float64")
        table = table.reshape(-1, 65).astype("uint8")
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{file}: cannot be read as scikit-learn's digits; install scikit-learn again") from error
    if hashlib.sha256(table.tobytes()).hexdigest() != card["sha256"]:
        raise DataError(
            f"{file}: other data than the card {path} describes (sha256); "
            "pin the scikit-learn that the card names or describe the new data in the card"
        )
    return table[:, :64], table[:, 64]
