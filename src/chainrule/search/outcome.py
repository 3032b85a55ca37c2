"""What a search found: the best trials as a table, and a picture of where the good values lie."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.evaluation import primary, style
from chainrule.recipes.search import Range, candidates
from chainrule.search import study
from chainrule.search.plan import Plan
from chainrule.search.worker import short, shown, told

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

SHOWN = 10
"""The most trials in the table."""
COLUMNS = 3


def ranked(opened: "Study", plan: Plan) -> list["FrozenTrial"]:
    """Return the whole trials, best first."""
    from optuna.trial import TrialState

    whole = opened.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    sign = -1 if plan.more_is_better else 1
    return sorted(whole, key=lambda trial: (sign * (trial.value or 0.0), trial.number))


def table(opened: "Study", plan: Plan) -> str:
    """Return the best whole trials as aligned rows, and a line on the rest."""
    from optuna.trial import TrialState

    rows = [["trial", primary.words(plan.metric), "epoch", *map(short, plan.space)]]
    found = ranked(opened, plan)
    for trial in found[:SHOWN]:
        known = trial.user_attrs
        epoch = f"{known['epoch']} of {known['epochs']}"
        values = [shown(known["values"][key]) for key in plan.space]
        own = "*" if known.get("own") else ""
        rows.append([f"{trial.number}{own}", primary.number(plan.unit, trial.value), epoch, *values])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if any(row[0].endswith("*") for row in rows):
        lines.append("* the recipe as it is")
    ended = opened.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
    wrong = [trial for trial in ended if "error" in trial.user_attrs]
    early = len(ended) - len(wrong)
    lines.append(f"{len(found)} whole trials, {early} ended early, {len(wrong)} could not be trained")
    if wrong and not found:
        lines.append(told(plan, wrong[0]))
    return "\n".join(lines)


def slices(opened: "Study", plan: Plan, path: Path) -> None:
    """Draw PRIMARY on the validation rows against each searched key: whole trials filled, the best ringed.

    What ended early is an empty mark at its last value. Raises ValueError where no trial has a value.
    """
    trials = [trial for trial in opened.get_trials(deepcopy=False) if _value(trial) is not None]
    if not trials:
        raise ValueError("no trial has a value")
    keys = list(plan.space)
    columns = min(COLUMNS, len(keys))
    names = [[str(place) for place in range(start, start + columns)] for start in range(0, len(keys), columns)]
    names[-1] = [name if int(name) < len(keys) else str(len(keys) - 1) for name in names[-1]]
    figure, panels = style.house_mosaic(3.0 * columns + 0.6, 2.6 * len(names) + 0.6, names, [1.0] * len(names))
    best = study.best(opened)
    for place, key in enumerate(keys):
        _slice(panels[str(place)], key, trials, best)
        known = candidates(plan.space[key])
        if isinstance(known, Range) and known.log:
            panels[str(place)].set_xscale("log")
        panels[str(place)].set_ylabel(f"validation {primary.words(plan.metric)}" if place % columns == 0 else "")
    style.save(figure, path)


def _value(trial: "FrozenTrial") -> float | None:
    if "epoch" in trial.user_attrs:
        return trial.value
    return trial.intermediate_values[max(trial.intermediate_values)] if trial.intermediate_values else None


def _slice(axes: Any, key: str, trials: Sequence["FrozenTrial"], best: "FrozenTrial | None") -> None:
    values = [trial.user_attrs["values"][key] for trial in trials]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    labels = [] if numbers else sorted({shown(value) for value in values})
    places = np.array(values if numbers else [labels.index(shown(value)) for value in values], float)
    heights = np.array([_value(trial) for trial in trials], float)
    whole = np.array(["epoch" in trial.user_attrs for trial in trials])
    axes.scatter(places[whole], heights[whole], s=22, color=style.BLUE)
    axes.scatter(places[~whole], heights[~whole], s=22, facecolors="none", edgecolors=style.FAINT)
    for place, height, trial in zip(places, heights, trials, strict=True):
        if best is not None and trial.number == best.number:
            axes.plot(place, height, "o", markersize=11, markerfacecolor="none", markeredgecolor=style.RED)
    if labels:
        axes.set_xticks(range(len(labels)), labels)
    axes.set_xlabel(short(key))
