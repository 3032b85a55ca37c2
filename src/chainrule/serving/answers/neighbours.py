"""Words near to a word, a sum of words or a text, with their cosines and a map of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.serving.answers.checks import finite
from chainrule.system.errors import DataError

COLUMNS = ("neighbours",)
"""What a file of answers has of one, by `cells`."""
MOST = 20
"""Words of an answer."""
DIGITS = 4


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a bundle does not say how its words are written, or its graph does not give the nearest."""
    shapes = {tensor["name"]: tensor["shape"] for tensor in signature["outputs"]}
    words = signature["target"].get("words")
    known = isinstance(words, list) and all(isinstance(word, str) for word in words)
    if not known or type(signature["target"].get("end")) is not int:
        raise DataError("the target has no words, or no mark of an end; export the bundle again")
    if [len(shapes.get(name, ())) for name in ("query", "cosine", "nearest", "vectors")] != [2, 2, 2, 3]:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise DataError(
            f"{signature['task']} needs outputs query [batch, features], cosine and nearest [batch, words] and their "
            f"vectors; here are {found}; export the bundle again"
        )


def answer(outputs: Mapping[str, np.ndarray], signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"neighbours": [{"word", "cosine", "x", "y"}, ...], "x", "y"} of the outputs [1, ...] for one item.

    The nearest first, at most MOST; x and y: a map of them and of what was asked for, whose own place is beside them.
    Raises ChainruleError when a number is not finite.
    """
    words = signature["target"]["words"]
    cosines, nearest = finite(outputs["cosine"]), outputs["nearest"][0].tolist()
    kept = [place for place, token in enumerate(nearest) if 0 <= token < len(words) and words[token]][:MOST]
    vectors = finite(outputs["vectors"])[kept]
    places = plane(np.concatenate([finite(outputs["query"])[None], vectors])).tolist()
    found = [
        {"word": words[nearest[place]], "cosine": round(float(cosines[place]), DIGITS), "x": x, "y": y}
        for place, (x, y) in zip(kept, places[1:], strict=True)
    ]
    x, y = places[0]
    return {"neighbours": found, "x": x, "y": y}


def plane(vectors: np.ndarray) -> np.ndarray:
    """Return places float64 [N, 2] of vectors [N, D] along the two directions in which they differ most.

    The sign of a direction is nobody's; that of its largest part is made positive.
    """
    centred = vectors - vectors.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:2]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.where(directions[np.arange(len(directions)), largest] < 0, -1, 1)[:, None]
    places = np.zeros((len(vectors), 2))
    places[:, : len(directions)] = centred @ directions.T
    return np.asarray(places.round(DIGITS) + 0.0)


def cells(answer: Mapping[str, Any]) -> list[Any]:
    """Return the words of an answer, the nearest first."""
    return [" ".join(each["word"] for each in answer["neighbours"])]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    place = {name: {"type": "number", "description": f"{name} on a map of the answer's words"} for name in ("x", "y")}
    word = {
        "word": {"type": "string"},
        "cosine": {"type": "number", "minimum": -1.001, "maximum": 1.001, "description": "of its vector and the sum"},
        **place,
    }
    neighbour = {"type": "object", "properties": word, "required": list(word)}
    neighbours = {"type": "array", "items": neighbour, "maxItems": MOST, "description": "the nearest first"}
    return {"type": "object", "properties": {"neighbours": neighbours, **place}, "required": ["neighbours", "x", "y"]}
