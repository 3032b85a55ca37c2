"""One turn: the recipe trained by the real stages on all rows but those held out, then scored on these.

.chainrule/crossvalidation/<name>/<turn>/      a project in small (see search.aside); it goes when the turn ends
                                  <turn>.json  what the turn found: a turn that has it is not run again
                                  <turn>.log   what the stages said
"""

import time
from contextlib import redirect_stdout
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chainrule.crossvalidation.assignment import Roles, turns
from chainrule.crossvalidation.plan import STAGES, Plan
from chainrule.data import splitting, times
from chainrule.data.columns import row_classes
from chainrule.evaluation.intervals import scores
from chainrule.recipes.evaluate import Evaluate
from chainrule.recipes.file import section
from chainrule.recipes.split import Split
from chainrule.search import aside
from chainrule.system import plugins
from chainrule.system.files import read_json, read_rows, remove, write_json, write_rows

BATCH_SIZE = 256


class Material(NamedTuple):
    """The rows of a cross-validation: those that are held out in turn, others, and what each is in every turn."""

    rows: pd.DataFrame
    unlabelled: pd.DataFrame
    links: pd.DataFrame
    target: str
    rules: Any
    turns: list[Roles]
    moments: np.ndarray | None
    """When each of `rows` and then each of `unlabelled` is of, NaN if not known; None without a split by time."""


def material(plan: Plan) -> Material:
    """Return training and validation rows as `split` wrote them, and who is held out when; no test row is read."""
    place = plan.root / "data" / "split" / plan.recipe
    rows = pd.concat([read_rows(place / f"{name}.parquet") for name in ("train", "validation")], ignore_index=True)
    unlabelled = read_rows(place / "unlabelled.parquet")
    fields = plugins.load(f"tasks.{plan.block['task']}", "fields").fields(plan.block["modality"])
    target = next(field.name for field in fields if field.role == "target")
    rules = plugins.load(f"tasks.{plan.block['task']}", "rows")
    settings = section(plan.block, "split", Split)
    # The share that validation has of the rows that are not tested.
    share = min(0.5, settings.validation / (1 - settings.test))
    moments = None
    if settings.time is not None:
        both = pd.concat([rows, unlabelled], ignore_index=True)
        moments = times.when(both, times.Order(settings.time.format)).moments
    found = turns(
        rows["group"].tolist(),
        rules.strata(rows[target].tolist()),
        None if moments is None else moments[: len(rows)],
        plan.folds,
        share,
        int(plan.block["seed"]),
    )
    links = read_rows(plan.root / "data" / "clean" / plan.recipe / "links.parquet")
    return Material(rows, unlabelled, links, target, rules, found, moments)


def divided(found: Material, turn: int) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the rows of a turn with their `split`, as `split` gives them, and how many were left out, by reason.

    Rows of a class that the turn cannot learn are left out, and whatever is tied to rows that are held out, unlabelled
    rows with them.
    """
    roles = found.turns[turn]
    kept = pd.Series(roles, index=found.rows.index)
    classes = pd.Series(row_classes(found.rows, found.target, found.rules), index=found.rows.index, dtype="object")
    learnt = {name for own in classes[kept == "train"] for name in own}
    strange = kept.isin(["validation", "test"]) & ~classes.map(lambda own: set(own) <= learnt)
    left_out = {f"{found.rules.STRATUM}_without_training_rows": int(strange.sum())}
    part = kept.where(kept.isin(["validation", "test"]), None)
    rows = found.rows.assign(part=part.astype("str"))[kept.notna() & ~strange]
    rows.loc[rows["part"].isin(["None", "nan"]), "part"] = None
    unlabelled = found.unlabelled
    if found.moments is not None:
        first = found.moments[: len(kept)][(kept == "validation").to_numpy()].min()
        early = found.moments[len(kept) :] < first
        left_out["not_before_validation"] = int((~early).sum())
        unlabelled = unlabelled[early]
    both = pd.concat([rows, unlabelled], ignore_index=True).drop(columns="split", errors="ignore")
    known = set(both["id"])
    here = found.links["id"].isin(known) & (found.links["kind"].ne("near") | found.links["other"].isin(known))
    result = splitting.split(
        both, found.links[here], found.target, found.rules, seed=0, test=0.0, validation=0.0, tolerance=1.0
    )
    excluded = {name.removeprefix("excluded_"): n for name, n in result.counts.items() if name.startswith("excluded_")}
    return result.rows, {name: count for name, count in (left_out | excluded).items() if count}


def take(plan: Plan, found: Material, turn: int, run: Any, cores: int) -> dict[str, Any]:
    """Train and score one turn; return its scores, its floors' and what it cost, which are kept as well.

    run: of MLflow, as a stage sees it (see search.trial.Watched).
    """
    began = time.monotonic()
    folder = plan.folder / str(turn)
    remove(folder)
    split = f"data/split/{plan.recipe}"
    rows, left_out = divided(found, turn)
    try:
        (folder / split).mkdir(parents=True)
        for name in ("train", "validation", "test", "unlabelled"):
            write_rows(folder / split / f"{name}.parquet", rows[rows["split"] == name])
        aside.lend(plan.root, plan.recipe, plan.given, plan.block, STAGES, folder, own=[split])
        with open(plan.folder / f"{turn}.log", "w", encoding="utf-8") as log, redirect_stdout(log):
            for stage in STAGES:
                aside.carry_out(plan.recipe, stage, plan.block, folder, run, cores, f"fold {turn + 1}")
            scored = _scored(plan, folder, rows)
        finetuned = read_json(folder / "reports" / plan.recipe / "finetune.json")
    finally:
        remove(folder)
    kept = {
        "fold": turn + 1,
        "rows": {str(name): int(count) for name, count in rows["split"].value_counts().sort_index().items()},
        "left_out": left_out,
        "groups": int(rows["group"][rows["split"] == "test"].nunique()),
        "epoch": finetuned["best_epoch"],
        "epochs": finetuned["epochs"],
        "seconds": round(time.monotonic() - began, 1),
        **scored,
    }
    write_json(plan.folder / f"{turn}.json", kept)
    return kept


def _scored(plan: Plan, folder: Any, rows: pd.DataFrame) -> dict[str, Any]:
    """Return {"model": scores, "floors": {name: scores}} of the rows held out, without what is of single classes."""
    from chainrule.training import models, prediction
    from chainrule.training import rows as training_rows

    held, train = rows[rows["split"] == "test"], rows[rows["split"] == "train"]
    model, card, facts = models.load_model(folder / "models" / "finetuned" / plan.recipe)
    known = card["target_facts"]
    measure = plugins.load(f"tasks.{card['task']}", "metrics").measure
    target = training_rows.encoded_target(held, card, known)
    said = {"model": prediction.predict(model, training_rows.to_inputs(held, card, facts, known), BATCH_SIZE)}
    said |= plugins.load(f"tasks.{card['task']}", "floors").floors(
        plugins.load("evaluation.floors", card["modality"]),
        training_rows.decoded(train, card),
        training_rows.encoded_target(train, card, known),
        training_rows.decoded(held, card),
        known,
        int(plan.block["seed"]),
        groups=train["group"].to_numpy(),
    )
    names = [score.name for score in measure.SCORES]
    found = {}
    for name, outputs in said.items():
        every = scores(
            measure,
            outputs,
            target,
            known,
            groups=held["group"].to_numpy(),
            resamples=section(plan.block, "evaluate", Evaluate).resamples,
            seed=int(plan.block["seed"]),
        )
        found[name] = {score: every[score] for score in names}
    return {"model": found.pop("model"), "floors": found}
