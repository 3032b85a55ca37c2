"""Prefect's HTTP API, asked without importing prefect, which takes longer than all else here: when a recipe runs next,
and what is wrong with the address that PREFECT_API_URL names.
"""

import base64
import http.client
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chainrule.system.errors import ChainruleError

SECONDS = 2.0
"""The most that an answer may take."""
REMEDY = "start the server, correct the variable, or unset it: flows then start a server of their own"
OTHER = "what answers there is not Prefect"
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

    Raises ChainruleError that says what is wrong with `url` if it does not answer within SECONDS as Prefect does.
    """
    wanted = {"state": {"type": {"any_": ["SCHEDULED"]}}}
    question = {"flow_runs": wanted, "sort": "EXPECTED_START_TIME_ASC", "limit": MOST_RUNS}
    try:
        runs = [run for run in _ask(url, "flow_runs/filter", question) if _names_recipes(run)]
        ids = sorted({run["deployment_id"] for run in runs if run.get("deployment_id")})
        named = _ask(url, "deployments/filter", {"deployments": {"id": {"any_": ids}}}) if ids else []
        names = {deployment["id"]: deployment["name"] for deployment in named}
        return [_scheduled(run, names) for run in runs]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ChainruleError(refusal(url, OTHER)) from None


def refusal(url: str, found: str, remedy: str = REMEDY) -> str:
    """Return one line about an address that will not do: what PREFECT_API_URL says, what is there, and the remedy."""
    shown = re.sub("//[^/@]*@", "//", url)  # whoever has it carry a password would not want it in a log
    if meant := _meant(url):
        found, remedy = f"{found}; {meant} is a Prefect server's", "set the variable to that"
    return f"PREFECT_API_URL is {shown}, and {found}; {remedy}"


def refusal_of_answer(url: str, code: int, reason: str) -> str:
    """Return the same about an address that answers with an HTTP status other than success."""
    if code in (401, 403):
        return refusal(url, f"it answers {code} {reason}", "set PREFECT_API_KEY, or PREFECT_API_AUTH_STRING")
    return refusal(url, f"it answers {code} {reason}, as Prefect does not")


def _meant(url: str) -> str | None:
    """Return the address of Prefect's API on the same host and port, if there is one and `url` is another."""
    try:
        place = urllib.parse.urlsplit(url if "://" in url else f"//{url}").netloc
    except ValueError:
        return None
    for candidate in (f"http://{place}/api", f"https://{place}/api"):
        try:
            with urllib.request.urlopen(f"{candidate}/health", timeout=SECONDS) as response:  # noqa: S310
                if candidate != url and response.read(10) == b"true":
                    return candidate
        except (OSError, ValueError, http.client.HTTPException):
            continue
    return None


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


def _ask(url: str, path: str, question: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("PREFECT_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    elif word := os.environ.get("PREFECT_API_AUTH_STRING"):
        headers["Authorization"] = f"Basic {base64.b64encode(word.encode()).decode()}"
    address = f"{url}/{path}"
    try:
        request = urllib.request.Request(address, json.dumps(question).encode(), headers)  # noqa: S310 - the user names it
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise ChainruleError(refusal_of_answer(url, error.code, error.reason)) from None
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)
        raise ChainruleError(refusal(url, f"nothing answers there ({cause})")) from None
