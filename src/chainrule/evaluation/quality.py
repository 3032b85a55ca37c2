"""Whether a model beats its floor, judged in one place and said in the same words everywhere.

A floor is a simple model that was trained on the same rows; the best of them is what a score must beat to mean
anything. What is known of a model here is plain data, as a bundle's signature holds it:

    {"primary": {"name": "accuracy", "value", "low", "high"}, "floor": {"name", "value"}}
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeGuard

PRIMARY = "accuracy"
"""The score that decides; more is better."""
EXPLAINED = "floor: the best of the simple models trained on the same rows; a model has to beat it to be worth serving"
REMEDY = "try more labelled rows, more epochs or a simpler net"

Quality = Mapping[str, Mapping[str, Any]]


def ranked(floors: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the floors' names, best first; those that tie by name."""
    return sorted(floors, key=lambda name: (-floors[name][PRIMARY]["value"], name))


def quality(report: Mapping[str, Any]) -> dict[str, dict[str, Any]] | None:
    """Return what `reports/<recipe>/metrics.json` knows of the model and its best floor; None without a floor."""
    floors, own = report["floor"], report["test"][PRIMARY]
    if not floors:
        return None
    best = ranked(floors)[0]
    return {
        "primary": {"name": PRIMARY, **{key: own[key] for key in ("value", "low", "high")}},
        "floor": {"name": best, "value": floors[best][PRIMARY]["value"]},
    }


def of_metrics(metrics: Mapping[str, float]) -> dict[str, dict[str, Any]] | None:
    """Return the same of a run's flat metrics, as `headline` names them; None where they say nothing of it."""
    floors = {}
    for key, value in metrics.items():
        prefix, _, rest = key.partition(".")
        name, _, score = rest.rpartition(".")
        if prefix == "floor" and score == PRIMARY:
            floors[name] = {PRIMARY: {"value": value}}
    own = f"test.{PRIMARY}"
    if own not in metrics or not floors:
        return None
    scores = {"value": metrics[own], **{end: metrics.get(f"{own}.{end}", metrics[own]) for end in ("low", "high")}}
    return quality({"test": {PRIMARY: scores}, "floor": floors})


def of_signature(signature: Mapping[str, Any]) -> dict[str, dict[str, Any]] | None:
    """Return what a bundle's signature says of it; None for a bundle that says nothing, or nothing readable."""
    found = signature.get("quality")
    try:
        own, floor = found["primary"], found["floor"]  # type: ignore[index]
        numbers = [own["value"], own["low"], own["high"], floor["value"]]
        names = [own["name"], floor["name"]]
    except (KeyError, TypeError):
        return None
    sane = all(type(number) in (int, float) for number in numbers) and all(isinstance(name, str) for name in names)
    return found if sane else None


def standing(found: Quality) -> Literal["under", "level", "above"]:
    """Return where the model stands: under its floor, no better as far as its interval tells, or above."""
    own, floor = found["primary"], found["floor"]["value"]
    if own["value"] < floor:
        return "under"
    return "above" if own["low"] > floor else "level"


def is_under(found: Quality | None) -> TypeGuard[Quality]:
    """Whether the model is known to be under its floor."""
    return found is not None and standing(found) == "under"


def in_words(found: Quality) -> str:
    """Return one line that says where the model stands; loud when that is under its floor."""
    own, floor = found["primary"], found["floor"]
    said = {
        "under": "UNDER ITS FLOOR",
        "level": "not clearly better than its floor",
        "above": "better than its floor",
    }[standing(found)]
    points = 100 * (own["value"] - floor["value"])
    return (
        f"{said}: {own['name']} {own['value']:.4f}, {abs(points):.1f} points {'below' if points < 0 else 'above'} "
        f"the best floor, {floor['name'].replace('_', ' ')} ({floor['value']:.4f})"
    )
