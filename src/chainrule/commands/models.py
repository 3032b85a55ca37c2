"""`chainrule models`: what is registered, what is champion and how it came to be."""

import argparse
import contextlib
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.evaluation import primary, quality
from chainrule.evaluation.primary import Score
from chainrule.system.errors import ChainruleError
from chainrule.tasks import measures

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from chainrule.release.registry import Version

SCORES = 2
"""The most scores of a task in the table, PRIMARY first; `--json` has every one of the test rows."""

Model = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("recipe", nargs="?", help="a recipe: all its versions and the moves of its aliases")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Print the models, or all about one; ChainruleError if there is no registry, or no such model."""
    from chainrule.release import promotion, registry
    from chainrule.serving import store

    root = arguments.root.resolve()
    with promotion.speaking(root) as client:
        registered = registry.names(client)
        names = [name for name in registered if store.is_name(name)]
        if arguments.recipe is not None and arguments.recipe not in names:
            known = ", ".join(names) or "none"
            raise ChainruleError(f"{arguments.recipe}: no such model in the registry; it has: {known}")
        wanted = [arguments.recipe] if arguments.recipe is not None else names
        found = [describe(client, root, name) for name in wanted]
    if arguments.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    elif not found:
        here = "`chainrule register` a bundle that is here"
        print(f"no model is registered yet; `dvc repro` registers what `export` makes, {here}")
    else:
        print(table(found, every_version=arguments.recipe is not None))
        if arguments.recipe is not None:
            print(f"\n{history(found[0])}")
        elif others := [name for name in registered if name not in names]:
            print(f"not shown, for they are other tools': {', '.join(others)}")
    return 0


def describe(client: "MlflowClient", root: Path, recipe: str) -> Model:
    """All about a recipe's model: versions and moves, newest first, and what is served from `root`.

    A promotion that was interrupted is completed or cleared away first, and said on stderr.
    """
    from chainrule.release import promotion, registry

    if promotion.needs_settling(root, recipe):
        # Out of the way of --json: the lines that say who waits for whom.
        with contextlib.redirect_stdout(sys.stderr), promotion.alone(root, recipe):
            done = promotion.settle(client, root, recipe)
            if done is not None:
                print(f"{recipe}: an interrupted promotion of version {done.number} is complete now")
    return {
        "recipe": recipe,
        "served": promotion.served_version(root, recipe),
        "versions": [about(client, version) for version in registry.versions(client, recipe)],
        "moves": [asdict(move) for move in registry.moves(client, recipe)],
    }


def about(client: "MlflowClient", version: "Version") -> dict[str, Any]:
    """All about one version, ready for JSON: its test scores with their bounds, its best floor, where it came from."""
    metrics, task = _run(client, version.run_id)
    scores: dict[str, dict[str, float]] = {}
    for key, value in metrics.items():
        prefix, _, rest = key.partition(".")
        name, _, bound = rest.partition(".")
        if prefix == "test":
            scores.setdefault(name, {})[bound or "value"] = value
    return {
        "version": version.number,
        "aliases": list(version.aliases),
        "scores": scores,
        "task": task,
        "quality": quality.of_metrics(metrics, measures.of(task).PRIMARY),
        "commit": version.tags.get("git_commit"),
        "dirty": version.tags.get("git_dirty") == "true",
        "created": datetime.fromtimestamp(version.created / 1000, UTC).isoformat(timespec="seconds"),
        "run_id": version.run_id,
    }


def _run(client: "MlflowClient", run_id: str) -> tuple[dict[str, float], str | None]:
    """Return the metrics and the task of a version's run."""
    from mlflow.exceptions import MlflowException

    try:
        data = client.get_run(run_id).data
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}, None  # deleted by hand: the version is still worth a row
    return dict(data.metrics), data.params.get("task")


def table(models: list[Model], every_version: bool) -> str:
    """Readable rows of versions: all, or those with an alias and the newest; first what is under its floor."""
    tasks = (version["task"] for model in models for version in model["versions"])
    scores = {score.name: score for task in tasks for score in primary.shown(measures.of(task))[:SCORES]}
    rows = [["recipe", "version", "aliases", *scores, "floor", "commit", "created"]]
    floor = rows[0].index("floor")
    warnings, notes = [], []
    for model in models:
        shown = [
            version
            for place, version in enumerate(model["versions"])
            if every_version or version["aliases"] or place == 0
        ]
        rows += [_row(model["recipe"], version, list(scores.values())) for version in shown]
        warnings += [
            f"! {model['recipe']}: version {version['version']} is {quality.in_words(version['quality'])}"
            for version in shown
            if quality.is_under(version["quality"])
        ]
        if len(shown) < len(model["versions"]):
            notes.append(
                f"{len(model['versions']) - len(shown)} more of {model['recipe']}: chainrule models {model['recipe']}"
            )
        notes += _difference(model)
    if any(row[-2].endswith("*") for row in rows):
        notes.append("* with changes that were not committed")
    if any(row[floor] != "-" for row in rows[1:]):
        notes.append(quality.EXPLAINED)
    else:
        rows = [[*row[:floor], *row[floor + 1 :]] for row in rows]
    return "\n".join([*warnings, *_aligned(rows), *notes])


def _row(recipe: str, version: dict[str, Any], shown: list[Score]) -> list[str]:
    commit = (version["commit"] or "-")[:7] + ("*" if version["dirty"] else "")
    scores = [primary.interval(score.unit, version["scores"].get(score.name, {})) for score in shown]
    aliases = ", ".join(version["aliases"]) or "-"
    return [recipe, str(version["version"]), aliases, *scores, _floor(version), commit, _local(version["created"])]


def _floor(version: dict[str, Any]) -> str:
    if version["quality"] is None:
        return "-"
    own, floor = version["quality"]["primary"], version["quality"]["floor"]
    value = primary.number(own["unit"], floor["value"])
    return f"{value} {floor['name']}{' !' if quality.is_under(version['quality']) else ''}"


def _difference(model: Model) -> list[str]:
    """Say when the registry's champion is not what is served here."""
    champion = next((str(one["version"]) for one in model["versions"] if "champion" in one["aliases"]), None)
    if champion is None or champion == model["served"]:
        return []
    here = f"version {model['served']} is served" if model["served"] else "it is not served"
    remedy = f"chainrule promote {model['recipe']} {champion}"
    return [f"{model['recipe']}: champion is version {champion}, here {here}: {remedy}"]


def history(model: Model) -> str:
    """Readable rows of moves, newest first."""
    if not model["moves"]:
        return "no alias was ever moved"
    rows = [["when", "alias", "from", "to", "action", "by", "reason"]]
    rows += [
        [
            _local(move["when"]),
            move["alias"],
            str(move["before"] or "-"),
            str(move["after"] or "-"),
            *(move[key] for key in ("action", "by", "reason")),
        ]
        for move in model["moves"]
    ]
    return "\n".join(_aligned(rows))


def _local(when: str) -> str:
    return datetime.fromisoformat(when).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
