"""Tables that come with scikit-learn, such as iris and diabetes; or that it brings, as california_housing."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.data.formats import cards
from chainrule.data.formats.typed import as_json, written
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd

LOADED = {
    "iris": "load_iris",
    "wine": "load_wine",
    "breast_cancer": "load_breast_cancer",
    "diabetes": "load_diabetes",
    "digits": "load_digits",
    "california_housing": "fetch_california_housing",
}
NUMBERS = ("diabetes", "california_housing")


def read(path: Path, *, fields: Sequence[Field]) -> "pd.DataFrame":
    """Raw rows of the set that the card `path` names under `dataset`, in their order.

    A row is a JSON object of numbers by the names that scikit-learn gives its columns; the target is the name of a
    class, or the number. `sha256` in the card is that of the rows and targets as lines of JSON: another scikit-learn
    may bring other data. Raises DataError then, for a card that names no such set, and where one that is to be
    downloaded is not here and its host does not answer.
    """
    import pandas as pd

    path = Path(path)
    card = cards.read(path, ("dataset",), "sklearn")
    found = _loaded(path, card["dataset"])
    names = list(map(str, found.feature_names))
    rows = [as_json(dict(zip(names, map(float, own), strict=True))) for own in found.data.to_numpy()]
    # Of numbers the names, where there are any, are the target's own.
    classes = list(map(str, found.get("target_names", ()))) if card["dataset"] not in NUMBERS else []
    targets = [classes[int(each)] if classes else written(float(each)) for each in found.target]
    digest = hashlib.sha256("".join(f"[{r},{as_json(t)}]\n" for r, t in zip(rows, targets, strict=True)).encode())
    if card.get("sha256") not in (None, digest.hexdigest()):
        raise DataError(
            f"{path}: scikit-learn has other data than this card describes (sha256 {digest.hexdigest()}); pin the "
            "scikit-learn that the card names, or describe the new data in it"
        )
    (input_of,) = (field.name for field in fields if field.role == "input")
    (target_of,) = (field.name for field in fields if field.role == "target")
    ids = [f"{card['dataset']}/{at:06d}" for at in range(len(rows))]
    columns: dict[str, Any] = {
        "id": pd.Series(ids, dtype="str"),
        "group": pd.Series(ids, dtype="str"),
        input_of: pd.Series([row.encode() for row in rows], dtype=object),
        target_of: pd.Series(targets, dtype="str"),
        "part": pd.Series([None] * len(ids), dtype="str"),
        "origin": pd.Series([f"{card['dataset']}:{at + 1}" for at in range(len(rows))], dtype="str"),
        "problem": pd.Series([None] * len(ids), dtype="str"),
    }
    return pd.DataFrame(columns)


def _loaded(path: Path, name: str) -> Any:
    """Return a set as scikit-learn has it, its columns as a frame."""
    from sklearn import datasets

    if name not in LOADED:
        raise DataError(f"{path}: scikit-learn has no set {name!r}; dataset may be {', '.join(LOADED)}")
    load = getattr(datasets, LOADED[name])
    raw = {"scaled": False} if name == "diabetes" else {}
    try:
        return load(as_frame=True, **raw)
    except OSError as error:
        said = " ".join(str(error).split())[:100]
        raise DataError(
            f"{path}: {name} is not on this machine, and its host does not answer ({said}); "
            f"where it does, run sklearn.datasets.{LOADED[name]}() and bring {datasets.get_data_home()} here"
        ) from None
