"""Keeps what is served equal to what the disk, and the registry if one is named, say is to be served."""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

from chainrule.errors import ChainruleError
from chainrule.serving import registry_client, store
from chainrule.serving.models import Models
from chainrule.serving.store import Place

SECONDS = 1.0  # between looks at the disk
REGISTRY_SECONDS = 10.0  # between questions to the registry
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
    seen = Seen()
    # What is here is warmed up while the registry is asked.
    loading = asyncio.create_task(refresh(models, root, seen))
    if registry is not None:
        await fetch(models, root, registry)
    await loading
    asked = time.monotonic()
    started = False
    while True:
        await refresh(models, root, seen)
        if not started and seen.places:
            started = True
            models.start(seen.places)
        models.note("store", "" if started else f"{root / 'models'}: nothing to serve; run `dvc repro`")
        await asyncio.sleep(SECONDS)
        if registry is not None and time.monotonic() - asked >= REGISTRY_SECONDS:
            await fetch(models, root, registry)
            asked = time.monotonic()


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
        wanted = await asyncio.to_thread(store.wanted, name, place)
        await models.load(name, wanted.version, wanted.folder, wanted.digest)
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
        said = "; ".join(await asyncio.to_thread(registry_client.fetch_champions, registry, root))
    except Exception as error:  # whatever a registry answers, it must not end the watch over the disk
        said = f"its answer is not understood ({error!r})"
    if said and said != models.notes.get("registry"):
        _log.warning("registry: %s; what is on disk is served, and the registry is asked again", said)
    models.note("registry", said)
