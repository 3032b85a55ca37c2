"""The turns of a cross-validation one after the other, from where it was left, and what is written of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from chainrule.crossvalidation import page, summary, turn
from chainrule.crossvalidation.plan import Plan
from chainrule.evaluation import primary
from chainrule.evaluation.primary import Measure
from chainrule.recipes import in_force
from chainrule.runs import tracking
from chainrule.search.trial import Watched
from chainrule.system import locks, processes
from chainrule.system.files import read_json, remove, write_json
from chainrule.tasks import measures


def run(plan: Plan, say: Callable[[str], object]) -> dict[str, Any]:
    """Take every turn that is not done, write reports/<recipe>/crossvalidation.json and .html, and return the summary.

    Each turn is a run of MLflow below one of the cross-validation. A second process waits for the first to end.
    """
    measure = measures.of(plan.block["task"])
    plan.folder.mkdir(parents=True, exist_ok=True)
    lock = plan.root / ".chainrule" / "locks" / f"crossvalidation-{plan.recipe}.lock"
    with (
        locks.held(lock, f"{plan.title}: waits for another of {plan.recipe} to end"),
        tracking.chain(f"crossvalidation-{plan.name}"),
    ):
        found = turn.material(plan)
        kept = [_once(plan, found, number, measure, say) for number in range(plan.folds)]
        told = summary.summary(kept, measure, plan.recipe, found.moments is not None)
        _write(plan, told, measure)
    return told


def _once(plan: Plan, found: turn.Material, number: int, measure: Measure, say: Callable[[str], object]) -> Any:
    """Return what a turn found, now or before."""
    decisive = measure.PRIMARY
    path = plan.folder / f"{number}.json"
    before = path.is_file()
    if before:
        kept = read_json(path)
    else:
        params, defaults = in_force.logged_of(plan.given)
        trial = tracking.Trial(plan.title, {"fold": number + 1, "folds": plan.folds})
        with (
            processes.lent_cores(f"{plan.title} of {plan.recipe}", plan.root / ".chainrule" / "cores") as cores,
            tracking.stage_run(plan.root, plan.recipe, f"fold {number + 1}", params, defaults, trial=trial) as own,
        ):
            kept = turn.take(plan, found, number, Watched(own, decisive.name, lambda *_: None), cores)
            known = {name: entry["value"] for name, entry in kept["model"].items() if entry["value"] is not None}
            own.metrics({f"held_out.{name}": value for name, value in known.items()})
    said = primary.interval(decisive.unit, kept["model"][decisive.name])
    floors = ", ".join(
        f"{primary.words(name)} {primary.number(decisive.unit, entry[decisive.name]['value'])}"
        for name, entry in kept["floors"].items()
    )
    took = "done before" if before else f"{kept['seconds']:.0f} s"
    say(
        f"fold {number + 1} of {plan.folds}: {primary.words(decisive.name)} {said} on {kept['rows']['test']:,} rows "
        f"({floors}), {took}"
    )
    return kept


def _write(plan: Plan, told: dict[str, Any], measure: Measure) -> None:
    """Write the reports, let MLflow have the page and the means, and forget other cross-validations of the recipe."""
    folder = plan.root / "reports" / plan.recipe
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / "crossvalidation.png"
    page.draw(told, measure, picture)
    write_json(folder / "crossvalidation.json", told)
    html = folder / "crossvalidation.html"
    html.write_text(page.to_html(told, measure, picture), encoding="utf-8")
    params, defaults = in_force.logged_of(plan.given)
    means = {
        f"crossvalidation.{name}{kind}": value
        for name, entry in told["model"].items()
        for kind, value in (("", entry["mean"]), (".spread", entry["spread"]))
        if value is not None
    }
    trial = tracking.Trial(plan.title, {"folds": plan.folds})
    with tracking.stage_run(plan.root, plan.recipe, "crossvalidation", params, defaults, trial=trial) as own:
        own.headline(means)
        own.artifact(html)
        own.artifact(picture, "figures")
    for other in plan.folder.parent.glob(f"{plan.recipe}-{plan.folds}-*"):
        if other != plan.folder:
            remove(other)


def places(plan: Plan) -> list[Path]:
    """Return what was written for a reader."""
    return [plan.root / "reports" / plan.recipe / f"crossvalidation.{ending}" for ending in ("html", "json")]
