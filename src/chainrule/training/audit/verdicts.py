"""What a record of gradients says of each layer: vanishing, exploding, dead, too fast or hardly moving.

The thresholds are far from what nets do that learn well, so that whoever is named has something to look at. A healthy
step is about a thousandth of its weights; the chain of a net with normalisation or residual connections stays within a
hundredfold of 1 from the loss to the input.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

VANISHED, EXPLODED = 1e-3, 1e3
"""A gradient that reaches a learning layer with less or more of its norm at the end of the chain."""
SHRINKS, GROWS = 0.1, 10.0
"""A single factor outside of these is drawn in another colour; alone it is no verdict."""
DEAD = 0.5
"""Share of a layer's units without any gradient, in the median of the second half of the audited updates."""
FAST, SLOW = 0.1, 1e-6
"""Norm of a step over the norm of its weights: fast in the median of the audited updates, slow in all of them."""
HEALTHY = 1e-3
SPIKE = 100.0
"""A gradient's norm over its median."""
LARGEST = 1e38
"""What stands for infinity is larger."""
FEWEST = 3
"""Audited updates under which a median says nothing."""


class Verdict(NamedTuple):
    """What is wrong with some layers: kind in one word, their names, a sentence, and the keys to change."""

    kind: str
    layers: list[str]
    said: str
    keys: list[str]


def verdicts(record: Mapping[str, Any], clipped: bool) -> list[Verdict]:
    """Return what is to be said of a record; clipped: whether the gradient's norm is limited."""
    found = [_chain(record), _spike(record, clipped), _dead(record), *_pace(record)]
    return [verdict for verdict in found if verdict is not None]


def in_words(verdict: Verdict, section: str) -> str:
    """Return a verdict as one line, its keys under the section of params.yaml that they stand in."""
    keys = [key if key == "net" else f"{section}.{key}" for key in verdict.keys]
    return f"{verdict.said}; look at {' or '.join(keys)}"


def colour(factor: float | None) -> str:
    """Return "shrinks", "grows" or "keeps" for one factor of the chain."""
    if factor is None or SHRINKS <= factor <= GROWS:
        return "keeps"
    return "shrinks" if factor < SHRINKS else "grows"


def _chain(record: Mapping[str, Any]) -> Verdict | None:
    """Judge the last pass along depth, by what reaches the outputs of the layers that learn."""
    if not record["chains"]:
        return None
    links = record["chains"][-1]["links"]
    if not links:  # an objective that does not go through the net's layers, such as skip_gram
        return None
    learning = _learning(record)
    arriving = dict(_arriving(links))
    reached = {name: value for name, value in arriving.items() if name in learning and value is not None}
    factors = {link["name"]: link["factor"] for link in links if link["factor"] is not None}
    low = [name for name, value in reached.items() if value < VANISHED]
    high = [name for name, value in reached.items() if value > EXPLODED]
    if low:
        least, worst = min(low, key=reached.__getitem__), min(factors, key=factors.__getitem__)
        said = (
            f"vanishing: {reached[least]:.1e} of the gradient's norm at the loss reaches {least}; "
            f"the smallest factor on the way is {factors[worst]:.2g}, of {worst}"
        )
        return Verdict("vanishing", low, said, ["net"])
    if high:
        most, worst = max(high, key=reached.__getitem__), max(factors, key=factors.__getitem__)
        said = (
            f"exploding: the gradient's norm at {most} is {reached[most]:.1e} times that at the loss; "
            f"the largest factor on the way is {factors[worst]:.2g}, of {worst}"
        )
        return Verdict("exploding", high, said, ["gradient_clip", "net"])
    return None


def _arriving(links: Sequence[Mapping[str, Any]]) -> list[tuple[str, float | None]]:
    """Return what reaches the output of each block, whose weights take their gradient from there."""
    after = [link["reached"] for link in links[1:]] + [1.0]
    return [(link["name"], value) for link, value in zip(links, after, strict=True) if link["block"]]


def _learning(record: Mapping[str, Any]) -> set[str]:
    """Return the names of the layers that had a gradient in the last audited update."""
    if not record["gradient"]:
        return set()
    last = record["gradient"][-1]
    return {layer["name"] for layer, norm in zip(record["layers"], last, strict=True) if norm is not None}


def _spike(record: Mapping[str, Any], clipped: bool) -> Verdict | None:
    """Judge the gradient's norm over time."""
    totals = [math.hypot(*(norm for norm in norms if norm is not None)) for norms in record["gradient"]]
    if len(totals) < FEWEST or (clipped and max(totals) < LARGEST):
        return None
    usual, place = median(totals), max(range(len(totals)), key=totals.__getitem__)
    if usual == 0 or totals[place] <= SPIKE * usual:
        return None
    norms = [norm or 0.0 for norm in record["gradient"][place]]
    layer = record["layers"][norms.index(max(norms))]["name"]
    much = "is not finite" if totals[place] > LARGEST else f"has a norm of {totals[place]:.2g}, usual is {usual:.2g}"
    said = f"exploding: the gradient of update {record['updates'][place]} {much}, most of it in {layer}"
    return Verdict("exploding", [layer], said, ["gradient_clip", "learning_rate"])


def _dead(record: Mapping[str, Any]) -> Verdict | None:
    shares = _over_updates(record["layers"], record["dead"][len(record["dead"]) // 2 :], median)
    dead = {name: share for name, share in shares.items() if share >= DEAD}
    if not dead or len(record["updates"]) < FEWEST:
        return None
    each = ", ".join(f"{share:.0%} of {name}" for name, share in dead.items())
    said = f"dead: units that the loss never reaches are {each}"
    return Verdict("dead", list(dead), said, ["learning_rate", "warm_up", "net"])


def _pace(record: Mapping[str, Any]) -> list[Verdict | None]:
    if len(record["updates"]) < FEWEST:
        return []
    # What stands beside all modules, such as a learned mask or a bias, begins at zero: any step is much of it.
    beside = {layer["name"] for layer in record["layers"] if layer["kind"] == "Parameter"}
    paces = _over_updates(record["layers"], ratios(record), median)
    fast = {name: pace for name, pace in paces.items() if pace > FAST and name not in beside}
    slow = {name: pace for name, pace in _over_updates(record["layers"], ratios(record), max).items() if pace < SLOW}
    found: list[Verdict | None] = []
    for kind, named, worst in (("fast", fast, max), ("slow", slow, min)):
        if named:
            name = worst(named, key=named.__getitem__)
            many = f" ({len(named)} layers are so {kind})" if len(named) > 1 else ""
            said = f"{kind}: a step moves {name} by {named[name]:.1e} of its norm, about {HEALTHY:g} is usual{many}"
            found.append(Verdict(kind, list(named), said, ["learning_rate"]))
    return found


def ratios(record: Mapping[str, Any]) -> list[list[float | None]]:
    """Return the norm of each layer's step over that of its weights, by audited update; None where there is none."""
    return [
        [step / weight if step is not None and weight else None for step, weight in zip(steps, weights, strict=True)]
        for steps, weights in zip(record["step"], record["weight"], strict=True)
    ]


def _over_updates(
    layers: Sequence[Mapping[str, Any]],
    lines: Sequence[Sequence[float | None]],
    summary: Callable[[list[float]], float],
) -> dict[str, float]:
    """Return by layer the summary of its numbers over the updates in which it has one."""
    found = {}
    for layer, column in zip(layers, zip(*lines, strict=True), strict=False):
        known = [value for value in column if value is not None]
        if known:
            found[layer["name"]] = summary(known)
    return found
