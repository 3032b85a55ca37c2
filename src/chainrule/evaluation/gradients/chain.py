"""The chain rule along depth as a picture: a bar per block from the input to the loss, and what is left on the way."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.evaluation.gradients import vector
from chainrule.training.audit.verdicts import EXPLODED, VANISHED, colour

LEFT, RIGHT, TOP, PLOT = 64.0, 24.0, 66.0, 250.0
WIDTH = 1000.0
LEAST, MOST = 1e-12, 1e12
"""What is smaller or larger is drawn at the edge."""
TURN = 40.0

Chain = Mapping[str, Any]


def picture(chains: Sequence[Chain], labels: Mapping[str, str]) -> str:
    """Return the last chain of a record as SVG, the first beside it as a broken line; labels: of blocks by name.

    A bar is the factor by which a block scales the gradient's norm: upwards it grows, downwards it shrinks. The line is
    the product of all factors from the loss, at the right, to that place. Both have the same logarithmic axis.
    """
    links = chains[-1]["links"]
    place = _Axes(chains, labels)
    parts = [*place.frame(), *_zones(place)]
    first = {link["name"]: link for link in chains[0]["links"]} if len(chains) > 1 else {}
    for at, link in enumerate(links):
        parts += _bar(place, at, link, first.get(link["name"]))
    if first:
        parts.append(vector.line(place.way(chains[0]["links"]), "was"))
    parts.append(vector.line(place.way(links), "line"))
    parts += [
        vector.dot(x, y, f"{vector.amount(link['reached'])} of the gradient's norm reaches the input of {link['name']}")
        for (x, y), link in zip(place.way(links), [link for link in links if link["reached"] is not None], strict=False)
    ]
    return vector.picture(WIDTH, place.height, _in_words(chains[-1]), parts)


def _in_words(chain: Chain) -> str:
    factors = ", ".join(f"{link['name']} {vector.amount(link['factor'])}" for link in chain["links"])
    return f"Factor of each block at update {chain['update']}, from the input to the loss: {factors}"


class _Axes:
    """Where things are: one column per link, one logarithmic axis."""

    def __init__(self, chains: Sequence[Chain], labels: Mapping[str, str]) -> None:
        self.names = [link["name"] for link in chains[-1]["links"]]
        self.updates = [chain["update"] for chain in (chains[0], chains[-1])]
        self.column = (WIDTH - LEFT - RIGHT) / max(len(self.names), 1)
        values = [
            link[key] for chain in (chains[0], chains[-1]) for link in chain["links"] for key in ("factor", "reached")
        ]
        known = [min(max(value, LEAST), MOST) for value in values if value is not None]
        self.low, self.high = min([*known, 0.1]) / 1.3, max([*known, 10.0]) * 1.3
        self.labels = [labels.get(name, "between") for name in self.names]
        longest = max(map(len, self.labels), default=0)
        self.height = TOP + PLOT + 24 + 6.4 * longest * math.sin(math.radians(TURN))

    def y(self, value: float) -> float:
        value = min(max(value, LEAST), MOST)
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return TOP + PLOT * (1 - share)

    def x(self, place: float) -> float:
        return LEFT + self.column * place

    def way(self, links: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
        """Return the points of what is left of the gradient: 1 at the loss, then at the input of each block."""
        places = {name: place for place, name in enumerate(self.names)}
        points = [
            (self.x(places[link["name"]] + 0.0), self.y(link["reached"]))
            for link in links
            if link["reached"] is not None and link["name"] in places
        ]
        return [*points, (self.x(len(self.names)), self.y(1.0))]

    def frame(self) -> list[str]:
        first, last = self.updates
        when = f"update {last:,}; broken: update {first:,}" if first != last else f"update {last:,}"
        parts = [
            vector.text(0, 16, "The chain rule along depth", "ink bold"),
            vector.text(
                0,
                34,
                f"bars: factor of each block; line: what reaches it of the gradient at the loss ({when})",
                "faint",
            ),
            vector.text(LEFT, TOP - 6, "input", "faint"),
            vector.text(WIDTH - RIGHT, TOP - 6, "loss", "faint", "end"),
        ]
        for exponent in vector.powers(self.low, self.high):
            value = 10.0**exponent
            if self.low <= value <= self.high:
                kind = "one" if exponent == 0 else "rule"
                parts.append(vector.line([(LEFT, self.y(value)), (WIDTH - RIGHT, self.y(value))], kind))
                parts.append(vector.text(LEFT - 8, self.y(value) + 4, vector.power(exponent), "faint", "end"))
        every = max(1, math.ceil(14 / self.column))
        for place, label in enumerate(self.labels):
            if place % every == 0:
                x, y = self.x(place + 0.5) + 4, TOP + PLOT + 16
                parts.append(vector.text(x, y, label, "faint" if label == "between" else "ink", "end", -TURN))
        return parts


def _zones(place: _Axes) -> list[str]:
    """Shade where a layer that learns is called vanished or exploded."""
    parts = []
    for low, high in ((place.low, VANISHED), (EXPLODED, place.high)):
        if low < high:
            top, bottom = place.y(high), place.y(low)
            parts.append(vector.rect(LEFT, top, WIDTH - LEFT - RIGHT, bottom - top, "zone"))
    return parts


def _bar(place: _Axes, at: int, link: Mapping[str, Any], first: Mapping[str, Any] | None) -> list[str]:
    factor = link["factor"]
    if factor is None:
        return []
    room = place.column * (0.62 if link["block"] else 0.3)
    left = place.x(at + 0.5) - room / 2
    ends = sorted((place.y(1.0), place.y(factor)))
    kind = colour(factor) if link["block"] else "between"
    was = f" (at the first look {vector.amount(first['factor'])})" if first and first["factor"] is not None else ""
    said = f"{link['name']}: factor {vector.amount(factor)}{was}"
    return [vector.rect(left, ends[0], room, max(ends[1] - ends[0], 1.5), kind, said)]
