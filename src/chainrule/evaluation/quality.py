"""Whether a model beats its floor, judged in one place and said in the same words everywhere.

A floor is a simple model that was trained on the same rows; the best of them is what a score must beat to mean
anything. What is known of a model here is plain data, as a bundle's signature holds it:

    {"primary": {"name", "value", "low", "high", "unit", "more_is_better"}, "floor": {"name", "value"}}

`unit` and `more_is_better` are missing in older bundles, which are classifiers of known accuracy.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeGuard

from chainrule.evaluation import primary
from chainrule.evaluation.primary import SHARE, Primary

EXPLAINED = "floor: the best of the simple models trained on the same rows; a model has to beat it to be worth serving"
REMEDY = "its report says what to try"

Quality = Mapping[str, Mapping[str, Any]]


def ranked(floors: Mapping[str, Mapping[str, Any]], decisive: Primary) -> list[str]:
    """Return the floors' names, best first; those that tie by name, those whose value is not known last."""
    sign = -1 if decisive.more_is_better else 1

    def key(name: str) -> tuple[bool, float, str]:
        value = floors[name][decisive.name]["value"]
        return value is None, sign * (value or 0), name

    return sorted(floors, key=key)


def quality(report: Mapping[str, Any], decisive: Primary) -> dict[str, dict[str, Any]] | None:
    """Return what `reports/<recipe>/metrics.json` knows of the model and its best floor; None where it lacks either."""
    floors, own = report["floor"], report["test"][decisive.name]
    best = next(iter(ranked(floors, decisive)), None)
    if best is None or own["value"] is None or floors[best][decisive.name]["value"] is None:
        return None
    return {
        "primary": {**primary.plain(decisive), **{key: own[key] for key in ("value", "low", "high")}},
        "floor": {"name": best, "value": floors[best][decisive.name]["value"]},
    }


def of_metrics(metrics: Mapping[str, float], decisive: Primary) -> dict[str, dict[str, Any]] | None:
    """Return the same of a run's flat metrics, as `headline` names them; None where they say nothing of it."""
    floors = {}
    for key, value in metrics.items():
        prefix, _, rest = key.partition(".")
        name, _, score = rest.rpartition(".")
        if prefix == "floor" and score == decisive.name:
            floors[name] = {score: {"value": value}}
    own = f"test.{decisive.name}"
    if own not in metrics:
        return None
    scores = {"value": metrics[own], **{end: metrics.get(f"{own}.{end}", metrics[own]) for end in ("low", "high")}}
    return quality({"test": {decisive.name: scores}, "floor": floors}, decisive)


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
    decisive = primary.read(own)
    if primary.gain(decisive, own["value"], floor) < 0:
        return "under"
    worst = own["low"] if decisive.more_is_better else own["high"]
    return "above" if primary.gain(decisive, worst, floor) > 0 else "level"


def is_under(found: Quality | None) -> TypeGuard[Quality]:
    """Whether the model is known to be under its floor."""
    return found is not None and standing(found) == "under"


def in_words(found: Quality) -> str:
    """Return one line that says where the model stands; loud when that is under its floor."""
    own, floor = found["primary"], found["floor"]
    decisive = primary.read(own)
    said = {
        "under": "UNDER ITS FLOOR",
        "level": "not clearly better than its floor",
        "above": "better than its floor",
    }[standing(found)]
    apart = own["value"] - floor["value"]
    by = f"{abs(100 * apart):.1f} points" if decisive.unit == SHARE else primary.number(decisive.unit, abs(apart))
    return (
        f"{said}: {primary.words(decisive.name)} {primary.number(decisive.unit, own['value'])}"
        f"{primary.of_unit(decisive.unit)}, {by} {'below' if apart < 0 else 'above'} "
        f"the best floor, {primary.words(floor['name'])} ({primary.number(decisive.unit, floor['value'])})"
    )
