"""Times of schedules: what Prefect would take for something else, or wait for without end, is refused."""

import asyncio
import difflib
import zoneinfo
from datetime import datetime
from pathlib import Path
from typing import Any

from chainrule.system import words
from chainrule.system.errors import ParamsError

FIELDS = "minute (0-59), hour (0-23), day of the month (1-31), month (1-12), day of the week (0-7 or mon-sun)"
EXAMPLE = '"0 3 * * *" is every day at 3:00'


def check(cron: str, timezone: str | None, where: str) -> None:
    """Raise ParamsError with everything that is wrong with a schedule; `where` says whose it is."""
    if found := mistakes(cron, timezone):
        raise ParamsError(f"{where}: {'; '.join(found)}")


def mistakes(cron: str, timezone: str | None) -> list[str]:
    """Return what is wrong with a schedule: fields that are not five, no time that ever comes, a zone that is none."""
    found = [_wrong_time(cron), _wrong_zone(timezone)]
    return [mistake for mistake in found if mistake is not None]


def _wrong_time(cron: str) -> str | None:
    fields = cron.split()
    # Prefect takes a sixth field for seconds: what was meant as a year or an hour would run every second.
    if len(fields) != 5 and not cron.startswith("@"):
        seconds = " (Prefect takes a sixth for seconds)" if len(fields) > 5 else ""
        return f"{cron!r} has {words.count(len(fields), 'field')} and takes five{seconds}: {FIELDS}; {EXAMPLE}"
    try:
        due = coming(cron)
    except ValueError:
        return f"{cron!r} is no time: the fields are {FIELDS}; {EXAMPLE}"
    return None if due else f"{cron!r} never comes: no such month has that day"


def coming(cron: str, timezone: str | None = None) -> list[datetime]:
    """Return the next time of a schedule, or nothing if there is none. Raises ValueError for what is no time."""
    # Of Prefect's server: what says when its runs are due.
    from prefect.server.schemas.schedules import CronSchedule

    schedule = CronSchedule(cron=cron, timezone=timezone)
    try:
        return list(asyncio.run(schedule.get_dates(n=1)))
    except ValueError:
        return []


def _wrong_zone(timezone: str | None) -> str | None:
    known = zoneinfo.available_timezones()
    if timezone is None or timezone in known:
        return None
    named = {name.lower(): name for name in known}
    near = difflib.get_close_matches(timezone.lower(), named, 1, cutoff=0.5)
    return f"{timezone!r} is no time zone; " + (f"did you mean {named[near[0]]}?" if near else "Europe/Berlin is one")


def check_file(path: Path) -> None:
    """Raise ParamsError with everything that is wrong with the schedules in a prefect.yaml, if there is one."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        deployments: list[dict[str, Any]] = content.get("deployments") or []
    except (yaml.YAMLError, AttributeError) as error:
        raise ParamsError(f"{path}: no prefect.yaml: {' '.join(str(error).split())[:200]}") from None
    found: dict[str, list[str]] = {}
    for deployment in deployments:
        for schedule in [*(deployment.get("schedules") or []), deployment.get("schedule") or {}]:
            if "cron" in schedule:
                for mistake in mistakes(str(schedule["cron"]), schedule.get("timezone")):
                    found.setdefault(mistake, []).append(f"{_flow(deployment)}/{deployment.get('name')}")
    if found:
        said = [f"{mistake} (of {words.listed(names)})" for mistake, names in found.items()]
        raise ParamsError(f"{path}: {'; '.join(said)}")


def _flow(deployment: dict[str, Any]) -> str:
    return str(deployment.get("entrypoint", "")).rpartition(":")[2]
