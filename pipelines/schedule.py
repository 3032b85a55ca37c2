"""Flows on a schedule: served by a process that stays, one run at a time; a run that starts too late is skipped."""

from datetime import UTC, datetime
from typing import Any

from prefect import Flow
from prefect.context import FlowRunContext
from prefect.states import Completed, State

from chainrule.errors import ParamsError

GRACE_MINUTES = 15
"""A scheduled run that starts later than this is skipped: the next one takes in what it would have."""


def skipped(what: str, grace_minutes: float) -> State | None:
    """Return the state to end in for a scheduled run that starts too late; None for any other run.

    After a pause Prefect starts every run that was missed, the oldest first.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or not run.auto_scheduled or run.expected_start_time is None:
        return None
    late = float((datetime.now(UTC) - run.expected_start_time).total_seconds()) / 60
    if late <= grace_minutes:
        return None
    return Completed(
        name="Skipped", message=f"{what}: {late:.0f} minutes late, {grace_minutes:g} allowed; not made up for"
    )


def serve(flow: Flow[..., Any], name: str, cron: str, timezone: str | None, parameters: dict[str, Any]) -> None:
    """Stay and run the flow on a schedule until the process ends. Raises ParamsError for a schedule that is none."""
    from prefect.schedules import Cron

    try:
        schedule = Cron(cron, timezone=timezone)
    except ValueError as error:
        raise ParamsError(f"--cron {cron!r}: {' '.join(str(error).split())[:200]}") from None
    # Runs that are already made stay: with the schedule paused at the end, a restart would lose the next one.
    flow.serve(name=name, schedule=schedule, parameters=parameters, limit=1, pause_on_shutdown=False)
