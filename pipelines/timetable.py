"""Flows from the command line, once or on a schedule: one run at a time; a run that starts too late is skipped."""

import argparse
import math
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect import Flow
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext
from prefect.runtime import deployment
from prefect.states import Completed, State

from chainrule.recipes import check
from chainrule.recipes.file import recipe_block
from chainrule.system import quick, words
from chainrule.system.errors import ChainruleError, ParamsError
from pipelines import cron, server

GRACE_MINUTES = 15
"""A scheduled run that starts later than this is skipped: the next one takes in what it would have."""


def skipped(what: str, grace_minutes: float) -> State | None:
    """Return the state to end in for a scheduled run that starts too late; None for any other run.

    After a pause Prefect starts every run that was missed, the oldest first, a process each. The first of them ends all
    others that are too late and still wait: what is due next does not have to wait for them.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or not run.auto_scheduled or run.expected_start_time is None:
        return None
    now = datetime.now(UTC)
    if now - run.expected_start_time <= timedelta(minutes=grace_minutes):
        return None
    if deployment.id:
        _skip_waiting(deployment.id, what, now, grace_minutes)
    return _skipped(what, now - run.expected_start_time, grace_minutes)


def _skip_waiting(deployment_id: str, what: str, now: datetime, grace_minutes: float) -> None:
    too_late = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[UUID(deployment_id)]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=now - timedelta(minutes=grace_minutes)),
    )
    with server.client() as client:
        for run in client.read_flow_runs(flow_run_filter=too_late):
            if run.auto_scheduled and run.expected_start_time is not None:
                client.set_flow_run_state(run.id, _skipped(what, now - run.expected_start_time, grace_minutes))


def _skipped(what: str, late: timedelta, grace_minutes: float) -> State:
    minutes = late.total_seconds() / 60
    message = f"{what}: {words.count(round(minutes), 'minute')} late, {grace_minutes:g} allowed; not made up for"
    return Completed(name="Skipped", message=message)


def add_options(parser: argparse.ArgumentParser, verb: str) -> None:
    """Add the options that say when a flow runs; `verb` is what it does."""
    parser.add_argument("--cron", help=f'stay, and {verb} on this schedule, such as "0 3 * * *"')
    parser.add_argument("--timezone", help="of the schedule, such as Europe/Berlin (default: UTC)")
    parser.add_argument(
        "--grace", type=float, default=GRACE_MINUTES, metavar="MINUTES",
        help=f"skip a scheduled run that starts later than this (default: {GRACE_MINUTES})",
    )  # fmt: skip


def main(
    flow: Flow[..., Any],
    options: argparse.Namespace,
    name: str,
    parameters: dict[str, Any],
    codes: Mapping[str, int] | None = None,
) -> int:
    """Run a recipe's flow on the project in the current directory, as `add_options` has it; return the exit code.

    options: parsed, with the recipe; name: of the deployment that a schedule makes; parameters: of the flow, beside
    recipe and grace_minutes; codes: name of a state -> exit code, where that is not the usual. A mistake of the
    user's is one line on stderr.
    """
    quick.started()
    parameters = {"recipe": options.recipe, "grace_minutes": options.grace, **parameters}
    try:
        _check_options(options)
        check.check(Path.cwd())
        recipe_block(Path.cwd(), options.recipe)
        server.at_hand(for_schedules=options.cron is not None)
        if options.cron is not None:
            serve(flow, name, options, parameters)
            return 0
        state = flow(**parameters, return_state=True)
    except ChainruleError as error:
        print(f"{flow.name}: {error}", file=sys.stderr)
        return error.exit_code
    except httpx.TransportError as error:
        print(f"{flow.name}: {server.gone(error)}", file=sys.stderr, flush=True)
        os._exit(server.GoneError.exit_code)  # at a usual exit Prefect would try for minutes to send what it still has
    except KeyboardInterrupt:
        print(f"{flow.name}: interrupted", file=sys.stderr)
        return 130
    if not state.is_completed():
        print(f"{flow.name}: {state.message}", file=sys.stderr)
        return (codes or {}).get(state.name, 3 if state.is_cancelled() else 1)
    print(f"{flow.name}: {state.message}")
    return (codes or {}).get(state.name, 0)


def _check_options(options: argparse.Namespace) -> None:
    """Raise ParamsError for options of `add_options` that mean nothing."""
    if not (math.isfinite(options.grace) and options.grace >= 0):
        raise ParamsError(f"--grace {options.grace:g}: minutes, 0 or more")
    if options.cron is not None:
        cron.check(options.cron, options.timezone, "--cron")
    elif options.timezone is not None:
        raise ParamsError("--timezone: the zone of a schedule, and there is no --cron")


def serve(flow: Flow[..., Any], name: str, options: argparse.Namespace, parameters: dict[str, Any]) -> None:
    """Stay and run the flow on the schedule of the options until the process ends."""
    from prefect.schedules import Cron

    due = cron.coming(options.cron, options.timezone)[0]
    print(f"{flow.name}: {options.recipe}: {options.cron!r}, next at {due:%Y-%m-%d %H:%M %Z}", flush=True)
    schedule = Cron(options.cron, timezone=options.timezone)
    # Runs that are already made stay: with the schedule paused at the end, a restart would lose the next one.
    flow.serve(name=name, schedule=schedule, parameters=parameters, limit=1, pause_on_shutdown=False)
