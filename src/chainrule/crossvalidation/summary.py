"""What the turns found together: mean and spread of every metric, the floors' beside the model's."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import primary
from chainrule.evaluation.primary import Measure


def summary(turns: Sequence[Mapping[str, Any]], measure: Measure, recipe: str, by_time: bool) -> dict[str, Any]:
    """Return all turns and, for the model and each floor, {metric: {"mean", "spread", "low", "high"}}.

    spread: the standard deviation of the turns' values (n - 1); low and high the least and the greatest. What no turn
    could tell is None. `ahead`: in how many turns the model's PRIMARY is better than that of the turn's best floor.
    """
    names = [score.name for score in measure.SCORES]
    floors = list(turns[0]["floors"])
    decisive = measure.PRIMARY
    return {
        "recipe": recipe,
        "folds": len(turns),
        "by": "time" if by_time else "group",
        "primary": primary.plain(decisive),
        "model": {name: spread([turn["model"][name]["value"] for turn in turns]) for name in names},
        "floors": {
            floor: {name: spread([turn["floors"][floor][name]["value"] for turn in turns]) for name in names}
            for floor in floors
        },
        "ahead": sum(_ahead(turn, decisive) for turn in turns),
        "seconds": round(sum(turn["seconds"] for turn in turns), 1),
        "turns": list(turns),
    }


def spread(values: Sequence[float | None]) -> dict[str, float | None]:
    """Return mean, standard deviation (n - 1; None of one value), least and greatest of the values that are known."""
    known = np.array([value for value in values if value is not None], float)
    if not len(known):
        return dict.fromkeys(("mean", "spread", "low", "high"))
    return {
        "mean": round(float(known.mean()), 6),
        "spread": round(float(known.std(ddof=1)), 6) if len(known) > 1 else None,
        "low": round(float(known.min()), 6),
        "high": round(float(known.max()), 6),
    }


def _ahead(turn: Mapping[str, Any], decisive: primary.Primary) -> bool:
    own = turn["model"][decisive.name]["value"]
    others = [floor[decisive.name]["value"] for floor in turn["floors"].values()]
    gains = [primary.gain(decisive, own, other) for other in others if other is not None]
    return own is not None and all(gain > 0 for gain in gains)


def in_words(found: Mapping[str, Any], unit: str) -> list[str]:
    """Return the outcome in lines: the model's PRIMARY and the floors', and in how many turns it is ahead of all."""
    name = found["primary"]["name"]
    lines = [
        f"{primary.words(who)}: {primary.words(name)} {mean(entry[name], unit)}"
        for who, entry in (("model", found["model"]), *found["floors"].items())
    ]
    return [*lines, f"the model is ahead of every floor in {found['ahead']} of {found['folds']} folds"]


def mean(entry: Mapping[str, float | None], unit: str) -> str:
    """Return mean and spread as printed, `0.9312 ± 0.0110`."""
    said = primary.number(unit, entry["mean"])
    return said if entry["spread"] is None else f"{said} ± {primary.number(unit, entry['spread'])}"
