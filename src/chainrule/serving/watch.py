"""Keeps what is served equal to what the disk, and the registry if one is named, say is to be served."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chainrule.serving import registry_client, store
from chainrule.serving.models import Models
from chainrule.serving.store import Place
from chainrule.system.errors import ChainruleError

SECONDS = 1.0  # between looks at the disk
REGISTRY_SECONDS = 10.0  # between questions to the registry
REGISTRY_START_SECONDS = 10.0  # that a start waits for the registry before what is on disk must do
RETRY_SECONDS = 10.0  # after which a version that could not be loaded is tried again

_log = logging.getLogger(__name__)


@dataclass
class Seen:
    """What was last loaded, or tried, by name."""

    places: dict[str, Place] = field(default_factory=dict)
    failed: dict[str, float] = field(default_factory=dict)
    """When a load last failed, by the monotonic clock."""


async def watch(models: Models, root: Path, registry: str | None) -> None:
    """Load what is to be served and swap whatever changes, until cancelled.

    registry: address of an MLflow server whose champions are fetched into the store first; while it does not answer,
    what is on disk is served.
    """
    if registry is None:
        await _watch_disk(models, root, Seen())
        return
    answered = asyncio.Event()
    asking = asyncio.create_task(_watch_registry(models, root, registry, answered))
    try:
        seen = Seen()
        await refresh(models, root, seen)  # what is here is warmed up while the registry is asked
        try:
            await asyncio.wait_for(answered.wait(), REGISTRY_START_SECONDS)
        except TimeoutError:
            models.note("registry", "it has not answered in full yet; what is on disk is served")
        await _watch_disk(models, root, seen)
    finally:
        asking.cancel()


async def _watch_disk(models: Models, root: Path, seen: Seen) -> None:
    started = False
    while True:
        await refresh(models, root, seen)
        if not started and seen.places:
            started = True
            models.start(seen.places)
        said = "" if started else f"{root / 'models'}: nothing to serve; run `dvc repro`"
        if said and said != models.notes.get("store"):
            _log.warning(said)
        models.note("store", said)
        await asyncio.sleep(SECONDS)


async def _watch_registry(models: Models, root: Path, registry: str, answered: asyncio.Event) -> None:
    """Ask again and again, on its own: a long download must not keep a promotion on this disk from being served."""
    while True:
        await fetch(models, root, registry)
        answered.set()
        await asyncio.sleep(REGISTRY_SECONDS)


async def refresh(models: Models, root: Path, seen: Seen) -> None:
    """Load every model whose place changed since it was last seen. A name that is gone from the disk stays served."""
    now = time.monotonic()
    changed = {}
    for name, place in (await asyncio.to_thread(store.places, root)).items():
        tried = seen.failed.get(name)
        if seen.places.get(name) != place or (tried is not None and now - tried >= RETRY_SECONDS):
            changed[name] = place
    await asyncio.gather(*(_load(models, name, place, seen) for name, place in changed.items()))


async def _load(models: Models, name: str, place: Place, seen: Seen) -> None:
    seen.places[name] = place
    try:
        await models.load_wanted(name, lambda: store.wanted(name, place))
    except Exception as error:  # one model that is worse than foreseen must not end the watch over all
        seen.failed[name] = time.monotonic()
        models.refused(name, str(error) if isinstance(error, ChainruleError) else repr(error))
        if not isinstance(error, ChainruleError):
            _log.exception("%s could not be loaded", name)
    else:
        seen.failed.pop(name, None)


async def fetch(models: Models, root: Path, registry: str) -> None:
    """Bring the registry's champions into the store; what keeps one away is logged and noted, and tried again."""
    try:
        said = "; ".join(await _aside(lambda: registry_client.fetch_champions(registry, root)))
    except Exception as error:  # whatever a registry answers, it must not end the watch over the disk
        said = f"its answer is not understood ({error!r})"
    if said and said != models.notes.get("registry"):
        _log.warning("registry: %s; what is on disk is served, and the registry is asked again", said)
    models.note("registry", said)


async def fetch_one(root: Path, registry: str, name: str) -> None:
    """Bring one name's champion into the store, if the registry has one; what keeps it away is logged."""
    try:
        said = "; ".join(await _aside(lambda: registry_client.fetch_champions(registry, root, name)))
    except Exception as error:
        said = f"its answer is not understood ({error!r})"
    if said:
        _log.warning("registry: %s; %s is loaded from what is on disk", said, name)


async def _aside(call: Callable[[], list[str]]) -> list[str]:
    """Return what `call` does, from a thread that the end of the process does not wait for: a download may be long."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[str]] = loop.create_future()

    def tell(result: list[str] | None, error: Exception | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result or [])

    def work() -> None:
        result, error = None, None
        try:
            result = call()
        except Exception as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, result, error)

    threading.Thread(target=work, name="registry", daemon=True).start()
    return await future
