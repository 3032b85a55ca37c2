"""A map of validation rows by what the last layer of the model sees of them.

Principal components: Pearson 1901, https://doi.org/10.1080/14786440109462720. t-SNE: van der Maaten & Hinton 2008,
https://www.jmlr.org/papers/v9/vandermaaten08a.html. How many of a row's neighbours are of its class says what a picture
only suggests, and says it of all dimensions.
"""

import io
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

from chainrule.evaluation import page, spectrogram
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.shown import Table, Word
from chainrule.examination import features, scatter, words
from chainrule.examination.looked import Looked
from chainrule.training import rows

POINTS = 1000
"""Most rows on the map: more would be one blot, and a page of many megabytes."""
FEWEST = 5
"""Rows from which on there is a map."""
NEIGHBOURS = 10
CLASSES = 24
"""Most classes with a look of their own, the most frequent; the others share one."""
NAMED = 10
"""Rows that are shown on the map themselves."""
TOUCHING = 10
_DIMENSIONS = 50
"""Principal components that t-SNE begins from, as its paper does (section 4.2)."""


class _Placed(NamedTuple):
    """Rows on the map: which of those looked at [N], their features [N, D] and their places [N, 2]."""

    rows: np.ndarray
    features: np.ndarray
    places: np.ndarray
    notes: list[str]


def part(looked: Looked) -> Part:
    """Return the map, coloured by class or by value, and how far rows lie among their own."""
    placed = _placed(looked)
    some, standing = placed.rows, words.standing(looked)[placed.rows]
    classes = [", ".join(found) for found in rows.classes(looked.rows.iloc[some], looked.card)]
    # A kind of target without classes is a number, or what is shown is how well a row is told.
    numeric, number = not any(classes), "value" in looked.outputs
    values = looked.target[some] if number else standing
    looks, kinds = _by_value(values) if numeric else _by_class(classes)
    points = [
        scatter.Point(float(x), float(y), int(kind), bool(stands < 0), _title(looked, int(row)))
        for row, (x, y), kind, stands in zip(some, placed.places, kinds, standing, strict=True)
    ]
    chosen = _spread(placed.places, standing)
    marks, below = _marks(looked, placed, chosen, points)
    what = "far off (the twentieth with the largest errors)" if numeric else "answered wrong"
    shown = f"Map of {len(some):,} validation rows; ringed: {what}"
    body = scatter.drawing(points, looks, shown, marks) + below
    notes = [f"{shown}. Hovering over a point names its row.", *placed.notes]
    if numeric and not number:
        numbers, tables = dict[str, Any](), list[Table]()
        notes.append("Coloured by how well a row is told, the more the better.")
    else:
        numbers, tables = _among_numbers(looked, placed) if numeric else _among_classes(classes, placed, standing)
    said_of_it = "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    return Part(
        "Map of the rows",
        said_of_it + body + "".join(map(page.table, tables)),
        {"method": looked.settings.map, "rows": len(some), **numbers},
    )


def _placed(looked: Looked) -> _Placed:
    """Return the rows on the map; NotShownError where there is nothing to spread them by."""
    notes = []
    some = np.arange(len(looked.rows))
    if len(some) > POINTS:
        some = np.sort(np.random.default_rng(looked.seed).choice(len(some), POINTS, replace=False))
        notes.append(f"{POINTS:,} of {len(looked.rows):,} rows, drawn by the seed: more would be one blot.")
    found = features.of(looked, looked.rows.iloc[some]).astype(np.float64)
    finite = np.isfinite(found).all(axis=1)
    if not finite.all():
        notes.append(f"{(~finite).sum():,} rows have features that are no finite numbers, and are left out.")
        some, found = some[finite], found[finite]
    if len(some) < FEWEST:
        raise NotShownError(f"a map needs {FEWEST} rows with features that are finite numbers; there are {len(some)}")
    if not found.std(axis=0).any():
        raise NotShownError("the model sees the same in every row: its features do not differ")
    components, shares = _components(found, looked.seed)
    if looked.settings.map == "tsne":
        notes.append("t-SNE: which rows are near one another tells something; how far groups are apart does not.")
        return _Placed(some, found, _tsne(components, looked.seed), notes)
    across, up = shares[0], shares[1] if len(shares) > 1 else 0.0
    notes.append(
        f"Across and up: the first two principal components, {across:.0%} and {up:.0%} of the spread of "
        f"{found.shape[1]:,} features."
    )
    places = components[:, :2] if components.shape[1] > 1 else np.column_stack([components, np.zeros(len(components))])
    return _Placed(some, found, places, notes)


def _components(found: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the leading principal components [N, ≤ 50] of features, and the share of the spread of each."""
    from sklearn.decomposition import PCA

    most = min(_DIMENSIONS, *found.shape)
    solver = PCA(most, svd_solver="randomized" if most < min(found.shape) else "full", random_state=seed)
    components = solver.fit_transform(found)
    return np.asarray(components), np.asarray(solver.explained_variance_ratio_)


def _tsne(components: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(components) - 1) / 3)
    start = components[:, :2] if components.shape[1] > 1 else np.column_stack([components, np.zeros(len(components))])
    start = start / max(start[:, 0].std(), 1e-12) * 1e-4
    return np.asarray(TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(components))


def _by_class(classes: Sequence[str]) -> tuple[list[scatter.Look], list[int]]:
    often = Counter(classes)
    names = sorted(sorted(often), key=lambda name: -often[name])[:CLASSES]
    looks = scatter.kinds(sorted(names))
    if len(often) > CLASSES:
        looks.append(scatter.Look(f"{len(often) - CLASSES:,} other classes", "#8a949e"))
    place = {look.name: number for number, look in enumerate(looks)}
    return looks, [place.get(name, len(looks) - 1) for name in classes]


def _by_value(values: np.ndarray) -> tuple[list[scatter.Look], list[int]]:
    """Return a step of colour for each part of the values that holds about as many rows as any other."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, len(scatter.STEPS) + 1)))
    if len(edges) < 2:
        return [scatter.Look(f"{edges[0]:,.4g}", scatter.STEPS[0])], [0] * len(values)
    spread = np.linspace(0, len(scatter.STEPS) - 1, len(edges) - 1).round().astype(int)
    looks = [
        scatter.Look(f"{low:,.4g} to {high:,.4g}", scatter.STEPS[step])
        for low, high, step in zip(edges[:-1], edges[1:], spread, strict=True)
    ]
    return looks, np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(looks) - 1).tolist()


def _title(looked: Looked, row: int) -> str:
    begun = words.excerpt(looked, row)
    return words.told(looked, row) + (f" — {begun}" if begun else "")


def _spread(places: np.ndarray, standing: np.ndarray) -> list[int]:
    """Return points to be shown themselves: the three that are told worst, then each time the farthest from those."""
    chosen = [int(row) for row in np.argsort(standing, kind="stable")[:3] if standing[row] < 0]
    chosen = chosen or [int(np.argmin(np.linalg.norm(places - np.median(places, axis=0), axis=1)))]
    width = np.maximum(places.max(axis=0) - places.min(axis=0), 1e-12)
    away = np.min([np.linalg.norm((places - places[row]) / width, axis=1) for row in chosen], axis=0)
    while len(chosen) < NAMED and away.max() > 0:
        chosen.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm((places - places[chosen[-1]]) / width, axis=1))
    return chosen


def _marks(
    looked: Looked, placed: _Placed, chosen: Sequence[int], points: Sequence[scatter.Point]
) -> tuple[dict[int, bytes | str], str]:
    """Return what stands at the chosen points, and what is said of them below: pictures speak for themselves."""
    (name, *_) = rows.named(looked.card, "input")
    values = [looked.rows[name].iloc[placed.rows[place]] for place in chosen]
    if all(isinstance(value, bytes) for value in values):
        return {place: _small(value) for place, value in zip(chosen, values, strict=True)}, ""
    titles = "".join(
        f'<li dir="auto"{" style=font-weight:600" if points[place].ringed else ""}>{escape(points[place].title)}</li>'
        for place in chosen
    )
    marks: dict[int, bytes | str] = {place: str(number) for number, place in enumerate(chosen, 1)}
    return marks, f'<ol style="font-size:.9rem;overflow-wrap:anywhere">{titles}</ol>'


def _small(value: bytes) -> bytes:
    from PIL import Image

    picture = Image.open(io.BytesIO(spectrogram.picture(value) if spectrogram.is_sound(value) else value))
    picture.thumbnail((2 * scatter.PICTURE, 2 * scatter.PICTURE))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def nearest(found: np.ndarray) -> np.ndarray:
    """Return the nearest other rows of each, int64 [N, K], K at most NEIGHBOURS, by places [N, D]."""
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(found) - 1)).fit(found)
    return np.asarray(near.kneighbors(return_distance=False))


def _among_classes(classes: Sequence[str], placed: _Placed, standing: np.ndarray) -> tuple[dict[str, Any], list[Table]]:
    """Return how many of a row's neighbours are of its class, beside what chance gives, and which classes touch."""
    names, codes = np.unique(classes, return_inverse=True)
    counts = np.bincount(codes)
    accuracy = float((standing >= 0).mean())
    if len(names) == 1:
        return {"accuracy": accuracy, "classes": 1}, [
            Table("", ("", ""), [], ["All rows are of one class: there is no other that one could lie among."])
        ]
    # Another row is drawn, not the row itself.
    chance = float((counts * (counts - 1)).sum() / (len(codes) * (len(codes) - 1)))
    near = nearest(placed.features)
    purity = float((codes[near] == codes[:, None]).mean())
    on_map = float((codes[nearest(placed.places)] == codes[:, None]).mean())
    lines = [
        (Word("among what the model sees"), f"{purity:.1%}"),
        (Word("on the map, in two dimensions"), f"{on_map:.1%}"),
        (Word("among rows drawn at random"), f"{chance:.1%}"),
        (Word("rows answered right, for comparison"), f"{accuracy:.1%}"),
    ]
    note = f"How many of the {near.shape[1]} nearest other rows are of a row's own class."
    tables = [Table("", (Word("neighbours of the own class"), "share"), lines, [note])]
    if touching := _touching(names, codes, near):
        tables.append(Table("", (Word("class"), "own class", Word("next"), "share"), touching, [_TOUCHING]))
    numbers = {"purity": purity, "purity_on_map": on_map, "chance": chance, "accuracy": accuracy}
    return numbers, tables


_TOUCHING = "The classes that lie least among themselves, and the class that most other neighbours are of."


def _touching(names: np.ndarray, codes: np.ndarray, near: np.ndarray) -> list[tuple[Word | str, ...]]:
    classes = len(names)
    pairs = np.bincount((codes[:, None] * classes + codes[near]).ravel(), minlength=classes * classes).reshape(
        classes, classes
    )
    shares = pairs / pairs.sum(axis=1, keepdims=True)
    own = shares.diagonal().copy()
    np.fill_diagonal(shares, 0)
    order = [place for place in np.argsort(own, kind="stable")[:TOUCHING] if own[place] < 1]
    return [
        (Word(names[place]), f"{own[place]:.1%}", Word(names[shares[place].argmax()]), f"{shares[place].max():.1%}")
        for place in order
    ]


def _among_numbers(looked: Looked, placed: _Placed) -> tuple[dict[str, Any], list[Table]]:
    """Return how well a row's neighbours tell its number, beside the model."""
    true = looked.target[placed.rows].astype(np.float64)
    own = np.asarray(looked.outputs["value"], np.float64)[placed.rows]
    near = nearest(placed.features)
    errors = {
        "the mean of what lies nearest among what the model sees": true[near].mean(axis=1) - true,
        "the mean of what lies nearest on the map": true[nearest(placed.places)].mean(axis=1) - true,
        "the mean of all rows": true.mean() - true,
        "the model": own - true,
    }
    off = {name: float(np.abs(error).mean()) for name, error in errors.items()}
    lines = [(Word(name), f"{error:,.4g}") for name, error in off.items()]
    note = f"How far a row's number is from the mean of its {near.shape[1]} nearest other rows, and from other answers."
    keys = ("neighbours", "neighbours_on_map", "mean", "model")
    numbers = {f"mean_absolute_error_of_{key}": value for key, value in zip(keys, off.values(), strict=True)}
    return numbers, [Table("", (Word("told by"), "mean absolute error"), lines, [note])]
