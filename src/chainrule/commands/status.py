"""`chainrule status`: one screen of what is stale and why, what is champion, and what comes next."""

import argparse
import gc
import json
import multiprocessing
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chainrule.data.losses import losses
from chainrule.evaluation import primary, quality
from chainrule.reproduction.staleness import NEVER, Stage
from chainrule.system import words
from chainrule.system.errors import ChainruleError
from chainrule.tasks import measures

MOST_REASONS = 3
"""Reasons shown per stage; `--json` has them all."""
REGISTRY_SECONDS = 3
"""The most that an answer of the registry may take."""
WIDTH, LABEL = 80, 12

Facts = dict[str, Any]
Registered = tuple[dict[str, Facts] | None, str | None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("recipe", nargs="?", help="one recipe alone (default: all of params.yaml)")
    parser.add_argument("--json", action="store_true", help="JSON instead of a screen")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Print the state of the project and return 0, whatever it is; nothing is changed.

    A registry or Prefect server that is not there is said in its line. Raises ParamsError for mistakes in params.yaml,
    ChainruleError if DVC cannot read the project or there is no such recipe.
    """
    from chainrule.recipes import check

    root = arguments.root.resolve()
    check.check(root)
    facts = gather(root)
    if arguments.recipe is not None:
        known = [recipe["recipe"] for recipe in facts["recipes"]]
        if arguments.recipe not in known:
            raise ChainruleError(f"{arguments.recipe}: no such recipe in params.yaml; there are {', '.join(known)}")
        facts["recipes"] = [recipe for recipe in facts["recipes"] if recipe["recipe"] == arguments.recipe]
    if arguments.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        print(screen(facts, _colours(), datetime.now(UTC)))
    return 0


# ---- what there is


def gather(root: Path) -> Facts:
    """All that the screen shows, ready for JSON. Raises ChainruleError if DVC cannot read the project."""
    from chainrule.recipes import check
    from chainrule.reproduction import staleness
    from chainrule.retraining import decisions, next_runs
    from chainrule.runs import journal
    from chainrule.system import locks

    url = next_runs.address()
    with ExitStack() as beside:
        beside.enter_context(_uncollected())
        registry = _ask_beside(beside, root, check.recipes(root))
        chain = staleness.look(root)
        runs, prefect_error = _or_error(lambda: next_runs.upcoming(url) if url else [])
        registered, registry_error = registry()
    waiting = [folder for folder in journal.journals(root) if not locks.is_held(journal.owner_lock(folder))]
    shown = []
    for recipe, stages in chain.items():
        decided = decisions.read(root, recipe)
        next_run = next_runs.for_recipe(runs or [], recipe)
        shown.append(
            {
                "recipe": recipe,
                "stages": [_stage(stage) for stage in stages],
                "model": (registered or {}).get(recipe),
                "retrain": decided[-1] if decided else None,
                "next_run": asdict(next_run) if next_run else None,
                "incoming": _files(root / "data" / "incoming" / recipe),
                "rows": _rows(root / "reports" / recipe),
            }
        )
    return {
        "recipes": shown,
        "registry": {"error": registry_error},
        "prefect": {"url": url, "error": prefect_error},
        "journals_waiting": len(waiting),
    }


def _stage(stage: Stage) -> Facts:
    return {**asdict(stage), "reasons": list(stage.reasons), "stale": bool(stage.reasons)}


def _or_error(ask: Callable[[], Any]) -> tuple[Any, str | None]:
    """(answer, None) or (None, what went wrong): one server that is down must not hide all the rest."""
    try:
        return ask(), None
    except ChainruleError as error:
        return None, str(error)


def _ask_beside(until: ExitStack, root: Path, names: list[str]) -> Callable[[], Registered]:
    """Ask the registry in a process of its own and return what waits for its answer.

    MLflow is a second of imports and DVC another. Where MLflow is imported already, it is asked here, when it is
    waited for.
    """
    if "mlflow" in sys.modules:
        return lambda: _or_error(lambda: _registered(root, names))
    pool = until.enter_context(ProcessPoolExecutor(1, multiprocessing.get_context("spawn")))
    return pool.submit(_registered_or_error, root, names).result


def _registered_or_error(root: Path, names: list[str]) -> Registered:
    with _uncollected():
        return _or_error(lambda: _registered(root, names))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let the garbage collector wait for the block: what libraries make when they are imported stays until the end."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _registered(root: Path, names: list[str]) -> dict[str, Facts]:
    """Champion, challenger and what is served, of each recipe that has a registered version."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(REGISTRY_SECONDS))
    from chainrule.commands import models
    from chainrule.release import promotion, registry

    found: dict[str, Facts] = {}
    with promotion.speaking(root, reads=True) as client:
        for recipe in names:
            versions = registry.versions(client, recipe)
            if versions:
                named = {alias: version for version in versions for alias in version.aliases}
                found[recipe] = {
                    "versions": len(versions),
                    "served": promotion.served_version(root, recipe),
                    **{
                        alias: models.about(client, named[alias]) if alias in named else None
                        for alias in (registry.CHAMPION, registry.CHALLENGER)
                    },
                }
    return found


def _rows(folder: Path) -> Facts | None:
    """What became of the source's rows when they were last cleaned and split; None before that."""
    found = []
    for stage in ("clean", "split"):
        try:
            found.append(json.loads((folder / f"{stage}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            break
    if not found:
        return None
    lost = losses(*found)
    return {**lost._asdict(), "loud": lost.loud, "said": str(lost)}


def _files(folder: Path) -> int:
    """How many files wait in a folder, hidden ones aside."""
    inside = (path.relative_to(folder).parts for path in folder.rglob("*") if path.is_file())
    return sum(not any(part.startswith(".") for part in parts) for parts in inside)


# ---- the screen


def screen(facts: Facts, colours: bool, now: datetime) -> str:
    """Return the facts as lines of at most WIDTH characters (a single long word may stick out)."""
    lines: list[str] = []
    for recipe in facts["recipes"]:
        lines += _recipe(recipe, facts, colours, now)
        lines.append("")
    if any(version["quality"] for recipe in facts["recipes"] for version in _versions(recipe)):
        lines += [*textwrap.wrap(quality.EXPLAINED, WIDTH), ""]
    if facts["registry"]["error"]:
        lines += _line("registry", facts["registry"]["error"], _paint("31", colours))
    if facts["prefect"]["error"]:
        lines += _line("Prefect", facts["prefect"]["error"], _paint("31", colours))
    if waiting := facts["journals_waiting"]:
        runs = words.count(waiting, "run waits", "runs wait")
        lines += _line("journals", f"{runs} for MLflow: python -m chainrule.runs.tracking")
    return "\n".join(lines).rstrip()


def _recipe(recipe: Facts, facts: Facts, colours: bool, now: datetime) -> Iterator[str]:
    stale = [stage for stage in recipe["stages"] if stage["stale"]]
    state, code = _state(recipe["stages"], stale)
    yield f"{_paint('1', colours)(recipe['recipe'])}: {_paint(code, colours)(state)}"
    for version in _versions(recipe):
        if quality.is_under(version["quality"]):
            warning = f"version {version['version']} is {quality.in_words(version['quality'])}; {quality.REMEDY}"
            yield from _line("WARNING", warning, _paint("1;31", colours))
    if recipe["rows"]:
        loud = recipe["rows"]["loud"]
        yield from _line(
            "WARNING" if loud else "rows", recipe["rows"]["said"], _paint("1;31", colours) if loud else str
        )
    if state == "stale":
        for stage in stale:
            shown, more = stage["reasons"][:MOST_REASONS], stage["reasons"][MOST_REASONS:]
            rest = [f"and {words.count(len(more), 'more reason')}"] if more else []
            yield from _line(stage["name"], "; ".join([*shown, *rest]))
        if then := [stage["name"] for stage in recipe["stages"] if stage["follows"]]:
            yield from _line("then", ", ".join(then))
    if running := [stage["name"] for stage in recipe["stages"] if stage["runs"]]:
        yield from _line("runs now", ", ".join(running), _paint("36", colours))
    for label, text in _rest(recipe, facts, now):
        yield from _line(label, text)


def _state(stages: list[Facts], stale: list[Facts]) -> tuple[str, str]:
    """(What a recipe's chain is in a word, its colour)."""
    if not stale:
        return "up to date", "32"
    if all(stage["reasons"] == [NEVER] for stage in stages):
        return "never run; `dvc repro` builds it", "33"
    if all(stage["missing"] for stage in stale):
        gone = "its outputs are" if len(stale) == len(stages) else "some outputs are"
        return f"{gone} not here; `dvc pull` fetches them, `dvc repro` makes them", "33"
    return "stale", "33"


def _rest(recipe: Facts, facts: Facts, now: datetime) -> Iterator[tuple[str, str]]:
    """(Label, text) of what is known beside the chain."""
    model = recipe["model"]
    if facts["registry"]["error"]:
        yield "champion", "not known, see registry below"
    elif model is None:
        yield "champion", "none: nothing is registered yet"
    else:
        yield "champion", _version(model["champion"]) if model["champion"] else _no_champion(recipe["recipe"])
        if model["challenger"]:
            yield "challenger", _version(model["challenger"])
        champion = str(model["champion"]["version"]) if model["champion"] else None
        if champion is not None and champion != model["served"]:
            here = f"version {model['served']}" if model["served"] else "nothing"
            yield "served", f"{here}, not the champion: chainrule promote {recipe['recipe']} {champion}"
    if decided := recipe["retrain"]:
        ago = words.ago(now - datetime.fromisoformat(decided["when"]))
        yield "retrained", f"{_local(decided['when'])} ({ago}): {decided['action']}: {decided['reason']}"
        yield "drift", _drift(decided["drift"])
    else:
        yield "retrained", "never"
    if facts["prefect"]["url"] is None:
        yield "next run", "no Prefect server (PREFECT_API_URL is not set)"
    elif facts["prefect"]["error"]:
        yield "next run", "not known, see Prefect below"
    else:
        yield "next run", _next(recipe["next_run"])
    count = recipe["incoming"]
    files = words.count(count, "file waits", "files wait")
    yield "incoming", f"{files} in data/incoming/{recipe['recipe']}" if count else "nothing waits"


def _versions(recipe: Facts) -> list[Facts]:
    """Champion and challenger, as far as there are any."""
    model = recipe["model"] or {}
    return [version for version in (model.get("champion"), model.get("challenger")) if version]


def _version(version: Facts) -> str:
    """PRIMARY with its interval and unit, beside the best floor; `--json` has every score of the test rows."""
    decisive = measures.of(version["task"]).PRIMARY
    score = version["scores"].get(decisive.name, {})
    text = f"version {version['version']}, "
    if "value" not in score:
        text += "no test score"
    else:
        said = primary.interval(decisive.unit, score)
        text += f"test {primary.words(decisive.name)} {said}{primary.of_unit(decisive.unit)}"
    if version["quality"]:
        floor = version["quality"]["floor"]
        text += f", floor {primary.number(decisive.unit, floor['value'])} ({primary.words(floor['name'])})"
    return f"{text}, {_local(version['created'])[:10]}"


def _no_champion(recipe: str) -> str:
    return f"none; chainrule promote {recipe} makes the newest version champion"


def _drift(drift: Facts | None) -> str:
    if drift is None:
        return "not measured at the last retraining"
    tests = ", ".join(map(str, drift["tests"]))
    return f"{'found' if drift['flagged'] else 'none found'}{f' ({tests})' if tests else ''}"


def _next(scheduled: Facts | None) -> str:
    if scheduled is None:
        return "none is scheduled"
    late = ", late" if scheduled["late"] else ""
    return f"{_local(scheduled['when'])} ({scheduled['deployment'] or scheduled['flow_run']}{late})"


def _local(when: str) -> str:
    return datetime.fromisoformat(when).astimezone().strftime("%Y-%m-%d %H:%M")


def _line(label: str, text: str, paint: Callable[[str], str] = str) -> list[str]:
    """Lines of a label and its text, continued below the text."""
    wrapped = textwrap.wrap(text, WIDTH - 2 - LABEL, break_long_words=False, break_on_hyphens=False) or [""]
    first, *more = (paint(part) for part in wrapped)
    return [f"  {label:{LABEL}}{first}", *(f"  {'':{LABEL}}{part}" for part in more)]


def _paint(code: str, colours: bool) -> Callable[[str], str]:
    """A function that writes a text in an ANSI colour, or as it is."""
    return (lambda text: f"\033[{code}m{text}\033[0m") if colours else str


def _colours() -> bool:
    """Whether to colour: a terminal that can, and no NO_COLOR (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
