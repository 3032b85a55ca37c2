"""What is searched: the space of a recipe, given or sensible, and a trial's values out of it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chainrule.recipes.file import at
from chainrule.recipes.search import Given, Range, candidates
from chainrule.system.errors import ParamsError

if TYPE_CHECKING:
    from optuna import Trial

DIGITS = 4
"""Significant digits of a number that is tried: more of them would say nothing in params.yaml."""
WIDE, NARROW = 10, 4
"""By how much a learning rate is varied up and down: a head alone bears more than a whole net."""


def default(block: Mapping[str, Any]) -> dict[str, Given]:
    """Return the space of a recipe that names none, around its values in force.

    block: the recipe's with its defaults. The net's dropout is searched only where no pretraining goes before it, which
    every trial would have to do again.
    """
    finetune = block["finetune"]
    rate, epochs, batch = (finetune[key] for key in ("learning_rate", "epochs", "batch_size"))
    times = WIDE if at(finetune, ("strategy", "name")) == "head_only" else NARROW
    decay = max(finetune["weight_decay"], 0.001)
    space: dict[str, Given] = {
        "finetune.learning_rate": f"{rate / times:.2g}..{min(rate * times, 10):.2g}:log",
        "finetune.epochs": sorted({max(1, epochs // 2), epochs, min(2 * epochs, 10_000)}),
        "finetune.batch_size": sorted({max(2, batch // 2), batch, min(2 * batch, 65_536)}),
        "finetune.weight_decay": f"{decay / 10:.2g}..{min(10 * decay, 1):.2g}:log",
    }
    if "dropout" in block["net"] and at(block, ("pretrain", "objective", "name")) == "none":
        own = block["net"]["dropout"]
        space["net.dropout"] = [own, *(share for share in (0.0, 0.1, 0.2, 0.3) if share != own)]
    return space


def grid(space: Mapping[str, Given]) -> dict[str, list[Any]]:
    """Return every value of every key; ParamsError for a range of which there are endlessly many."""
    found, endless = {}, []
    for key, given in space.items():
        known = candidates(given)
        if isinstance(known, Range):
            step = known.step or (1 if known.whole and not known.log else None)
            if step is None:
                endless.append(f"{key}: {given}")
                continue
            known = [rounded(known.low + place * step) for place in range(round((known.high - known.low) / step) + 1)]
            known = [value for value in known if value <= candidates(given).high]  # type: ignore[union-attr]
        found[key] = known
    if endless:
        raise ParamsError(f"a grid needs lists, or ranges with a step: {'; '.join(endless)}")
    return found


def suggest(trial: "Trial", space: Mapping[str, Given], sampler: str) -> dict[str, Any]:
    """Return a trial's value of each key."""
    lists: Mapping[str, Any] = grid(space) if sampler == "grid" else {}
    return {key: _suggest(trial, key, lists.get(key, candidates(given))) for key, given in space.items()}


def _suggest(trial: "Trial", key: str, known: Range | list[Any]) -> Any:
    if not isinstance(known, Range):
        return trial.suggest_categorical(key, known)
    if known.whole:
        step = 1 if known.step is None else int(known.step)
        return trial.suggest_int(key, int(known.low), int(known.high), step=step, log=known.log)
    return rounded(trial.suggest_float(key, known.low, known.high, step=known.step, log=known.log))


def rounded(value: Any) -> Any:
    """Return a number as it is tried and written: one with a fraction to DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def own_values(space: Mapping[str, Given], block: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the recipe's own value of each key, to begin with; None if one of them is outside of the space."""
    values = {key: at(block, tuple(key.split("."))) for key in space}
    return values if all(_holds(candidates(space[key]), value) for key, value in values.items()) else None


def _holds(known: Range | list[Any], value: Any) -> bool:
    if not isinstance(known, Range):
        return value in known
    if isinstance(value, bool) or not isinstance(value, int | float) or not known.low <= value <= known.high:
        return False
    steps = (value - known.low) / (known.step or (1 if known.whole else value - known.low or 1))
    return abs(steps - round(steps)) < 1e-9
