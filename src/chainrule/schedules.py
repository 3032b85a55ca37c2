"""When Prefect runs a recipe next, asked over its HTTP API: importing prefect would take longer than all else here."""

import base64
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chainrule.errors import ChainruleError

SECONDS = 2.0
"""The most that an answer may take."""
MOST_RUNS = 200  # Prefect gives no more at once


@dataclass(frozen=True)
class Scheduled:
    """A flow run that has not begun."""

    when: str
    """UTC, ISO 8601."""
    flow_run: str
    """Its name."""
    deployment: str | None
    recipes: tuple[str, ...] | None
    """The recipes it was given; None: every one."""
    late: bool


def address() -> str | None:
    """Where PREFECT_API_URL says that the API is; None if it says nothing."""
    return (os.environ.get("PREFECT_API_URL") or "").rstrip("/") or None


def upcoming(url: str) -> list[Scheduled]:
    """The scheduled runs of flows whose parameters name a recipe or recipes, the next first.

    Raises ChainruleError if the API does not answer within SECONDS, or not as Prefect does.
    """
    wanted = {"state": {"type": {"any_": ["SCHEDULED"]}}}
    question = {"flow_runs": wanted, "sort": "EXPECTED_START_TIME_ASC", "limit": MOST_RUNS}
    try:
        runs = [run for run in _ask(f"{url}/flow_runs/filter", question) if _names_recipes(run)]
        ids = sorted({run["deployment_id"] for run in runs if run.get("deployment_id")})
        named = _ask(f"{url}/deployments/filter", {"deployments": {"id": {"any_": ids}}}) if ids else []
        names = {deployment["id"]: deployment["name"] for deployment in named}
        return [_scheduled(run, names) for run in runs]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ChainruleError(f"{url} does not answer as a Prefect server ({error!r:.80})") from None


def for_recipe(runs: list[Scheduled], recipe: str) -> Scheduled | None:
    """The next run that has to do with the recipe."""
    return next((run for run in runs if run.recipes is None or recipe in run.recipes), None)


def _names_recipes(run: dict[str, Any]) -> bool:
    return bool({"recipe", "recipes"} & set(run["parameters"]))


def _scheduled(run: dict[str, Any], deployments: dict[str, str]) -> Scheduled:
    parameters = run["parameters"]
    one, several = parameters.get("recipe"), parameters.get("recipes")
    recipes = (one,) if one is not None else tuple(several) if several is not None else None
    when = datetime.fromisoformat(run["expected_start_time"]).astimezone(UTC).isoformat(timespec="seconds")
    deployment = deployments.get(run.get("deployment_id") or "")
    return Scheduled(when, run["name"], deployment, recipes, run.get("state_name") == "Late")


def _ask(url: str, question: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("PREFECT_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    elif word := os.environ.get("PREFECT_API_AUTH_STRING"):
        headers["Authorization"] = f"Basic {base64.b64encode(word.encode()).decode()}"
    try:
        request = urllib.request.Request(url, json.dumps(question).encode(), headers)  # noqa: S310 - the user names it
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise ChainruleError(f"{url} answers {error.code} {error.reason}") from None
    except OSError as error:
        raise ChainruleError(f"{url} does not answer ({getattr(error, 'reason', error)})") from None
