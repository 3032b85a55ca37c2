"""Points in a plane as a drawing that stands in a page: a colour and a shape for each kind, a name for each point."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from chainrule.evaluation import page

WIDTH, HEIGHT, MARGIN = 720, 520, 26
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#9a7d0a", "#7a6fd0")
"""Told apart by eyes that see few colours (after Okabe & Ito 2008), and seen on white as on black."""
STEPS = ("#5b3f8f", "#3f6a9e", "#2a8c8c", "#35ab77", "#8cc63f", "#e3c419")
"""From few to much, in the order of viridis, without its ends, which white and black would swallow."""
SHAPES = (
    "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",  # circle
    "m-3.6-3.6h7.2v7.2h-7.2z",  # square
    "m0-4.6l4.6 8h-9.2z",  # triangle
    "m0-5l5 5l-5 5l-5-5z",  # diamond
    "m-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",  # cross
    "m0 4.6l4.6-8h-9.2z",  # triangle on its tip
)
_RING = "m-7 0a7 7 0 1 0 14 0a7 7 0 1 0-14 0z"
PICTURE = 30
"""Side of a picture at its point."""


class Look(NamedTuple):
    """What the points of a kind look like, and what the kind is called."""

    name: str
    colour: str
    shape: str = SHAPES[0]


class Point(NamedTuple):
    """A place in the plane; kind: the place of its look; ringed: whether it stands out; title: what it is."""

    x: float
    y: float
    kind: int
    ringed: bool
    title: str


def kinds(names: Sequence[str]) -> list[Look]:
    """Return a look for each of at most 48 names, no two of them alike; the shapes differ among the first eight."""
    return [
        Look(name, COLOURS[place % 8], SHAPES[(place % 8 + place // 8) % len(SHAPES)])
        for place, name in enumerate(names)
    ]


def drawing(points: Sequence[Point], looks: Sequence[Look], said: str, named: Mapping[int, bytes | str]) -> str:
    """Return the points as a figure with its legend, HTML; said: what it shows, for who does not see it.

    named: of some points, by their place, a PNG that stands at the point, or a few letters that stand beside it.
    """
    places = _fitted(np.array([(point.x, point.y) for point in points]))
    groups = []
    for kind, look in enumerate(looks):
        marks = "".join(
            f'<path d="M{x:.1f} {y:.1f}{look.shape}"><title>{escape(point.title)}</title></path>'
            for point, (x, y) in zip(points, places, strict=True)
            if point.kind == kind
        )
        groups.append(f'<g fill="{look.colour}">{marks}</g>')
    rings = "".join(
        f'<path d="M{x:.1f} {y:.1f}{_RING}"><title>{escape(point.title)}</title></path>'
        for point, (x, y) in zip(points, places, strict=True)
        if point.ringed
    )
    beside = "".join(_named(mark, points[place].title, *places[place]) for place, mark in named.items())
    return (
        f'<figure class="wide"><div class="scroll"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(said)}" style="width:100%;min-width:34rem;display:block">'
        f'<g fill-opacity=".8" stroke="var(--card)" stroke-width=".6">{"".join(groups)}</g>'
        f'<g fill="#000" fill-opacity="0" stroke="var(--ink)" stroke-width="1.5">{rings}</g>{beside}</svg></div>'
        f"{_legend(points, looks)}</figure>"
    )


def _fitted(places: np.ndarray) -> np.ndarray:
    """Return places [N, 2] within the drawing, y upwards; a plane of no width is put into the middle."""
    low, high = places.min(axis=0), places.max(axis=0)
    width = np.where(high > low, high - low, 1)
    share = np.where(high > low, (places - low) / width, 0.5)
    room = np.array([WIDTH, HEIGHT]) - 2 * MARGIN
    return np.asarray(MARGIN + np.column_stack([share[:, 0], 1 - share[:, 1]]) * room)


def _named(mark: bytes | str, title: str, x: float, y: float) -> str:
    if isinstance(mark, str):
        return (
            f'<text x="{x + 8:.1f}" y="{y - 7:.1f}" font-size="15" font-weight="700" fill="var(--ink)" '
            f'stroke="var(--card)" stroke-width="4" paint-order="stroke">{escape(mark)}</text>'
        )
    side = PICTURE
    left, top = min(max(x + 6, 0), WIDTH - side), min(max(y - side - 6, 0), HEIGHT - side)
    return (
        f'<g><title>{escape(title)}</title><rect x="{left - 1:.1f}" y="{top - 1:.1f}" width="{side + 2}" '
        f'height="{side + 2}" fill="var(--ink)"/><image x="{left:.1f}" y="{top:.1f}" width="{side}" height="{side}" '
        f'href="{page.data_uri(mark)}" style="image-rendering:pixelated"/></g>'
    )


def _legend(points: Sequence[Point], looks: Sequence[Look]) -> str:
    lines = []
    for kind, look in enumerate(looks):
        own = [point for point in points if point.kind == kind]
        ringed = sum(point.ringed for point in own)
        mark = (
            f'<svg width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true">'
            f'<path d="M0 0{look.shape}" fill="{look.colour}"/></svg>'
        )
        lines.append(
            '<li style="display:flex;gap:.3rem;align-items:center;min-width:0">'
            f'{mark}<span dir="auto" style="overflow-wrap:anywhere">{escape(look.name)}</span>'
            f"<small>{len(own):,}{f', ringed {ringed:,}' if ringed else ''}</small></li>"
        )
    return (
        '<ul style="list-style:none;margin:.6rem 0 0;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1rem;'
        f'font-size:.9rem">{"".join(lines)}</ul>'
    )
