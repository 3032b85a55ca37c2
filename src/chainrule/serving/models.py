"""The models that are served: one version of each at a time, the next one loaded and warmed beside it, then swapped."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from chainrule.serving import answered, loading, plain, store
from chainrule.serving import bundle as bundles
from chainrule.serving.batching import Answer, Arrays, Batcher, Ran
from chainrule.serving.bounds import Bounds
from chainrule.serving.bundle import Bundle
from chainrule.serving.decoding.settings import Settings
from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits
from chainrule.serving.loading import Options
from chainrule.serving.runtime import Session
from chainrule.serving.statistics import Statistics
from chainrule.serving.store import Wanted
from chainrule.serving.writing import Writing, Written
from chainrule.system.errors import ChainruleError

_log = logging.getLogger(__name__)


class Model:
    """One version, loaded and warm. `with model:` keeps it alive while a request on it is in hand."""

    def __init__(
        self,
        bundle: Bundle,
        session: Session,
        options: Options,
        ran: Callable[["Model", Ran], None],
        versions: list[dict[str, Any]],
        observed: "Observed | None" = None,
        wrote: "Wrote | None" = None,
    ) -> None:
        """Serve a bundle by a session that was warmed up; needs a running event loop.

        versions: what `store.versions` says of this version and those kept beside it; observed: told of every answer;
        wrote: of every text that was written.
        """
        limits = options.limits
        self.name = bundle.name
        self.version = bundle.version
        self.bundle = bundle
        self.variant = session.variant
        self.provider = session.provider
        self.device = session.device
        self.versions = versions
        self.ready = True
        """False once it no longer takes requests."""
        self.statistics = Statistics()
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()
        self.asked = bundles.asked(bundle) if plain.face(bundle) is not None else ()
        """The fields that may come in place of the graph's inputs."""
        self.bounds = Bounds(bundle, min(limits.batch, limits.queue))  # more items would never find room
        self._ran = ran
        self._observed = observed
        self._wrote = wrote or _untold
        self.writing = self._to_write(session, limits) if bundle.decoding is not None else None
        """What writes texts, of a model that does."""
        self._batcher = (
            None
            if self.writing is not None
            else Batcher(
                session.run,
                version=bundle.version,
                workers=loading.workers_for(session, options),
                abreast=loading.workers_for(session, options) if session.device == "cpu" else 1,
                max_batch=limits.max_batch,
                max_cells=limits.max_cells,
                queue=limits.queue,
                deadline=limits.deadline_seconds,
                padding=bundle.padding,
                mixes=_mixes(bundle),
                counted=self._count,
            )
        )

    @property
    def queued(self) -> int:
        """Items that wait for a run, or texts that wait to be begun."""
        return (self._batcher or self.writing).queued  # type: ignore[union-attr] # it has one of them

    def __enter__(self) -> Self:
        self._users += 1
        self._unused.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._users -= 1
        if not self._users:
            self._unused.set()

    async def infer(
        self,
        inputs: Arrays,
        outputs: Iterable[str] | None = None,
        *,
        alone: bool = False,
        observed: bool = True,
        settings: Settings | None = None,
    ) -> Answer:
        """Return the answer to inputs whose names, types and ranks are the bundle's.

        outputs: the names wanted, None for all; alone: nobody else asks the server for anything; observed: it is an
        input of somebody's, for the observer to see; settings: how texts are to be written, None for the model's own.
        Raises Refusal: sizes that do not fit each other or the model, a
        token that it does not know, a full queue, a deadline passed, a run that failed.
        """
        items, sizes = self.bounds.checked(inputs)
        with self:
            if self.writing is not None:
                answer = await self.writing.infer(inputs, settings or self.writing.settings({}))
            else:
                assert self._batcher is not None
                answer = await self._batcher.submit(inputs, items, sizes, alone=alone)
            if observed:
                self.observe(inputs, answer)
        if outputs is None:
            return answer
        return answer._replace(outputs={name: answer.outputs[name] for name in outputs})

    def observe(self, inputs: Arrays, answer: Answer) -> None:
        """Tell the observer of an answer to an input of somebody's."""
        if self._observed is not None:
            self._observed(self, inputs, answer)

    async def close(self) -> None:
        """Finish what is in hand, then give the memory back. Nothing new may be sent to it by then."""
        while self._users:  # whoever let it go for a moment, between an answer and why it was given, has it again
            await self._unused.wait()
        self.ready = False
        await (self._batcher or self.writing).close()  # type: ignore[union-attr] # it has one of them
        loading.give_back()

    def _to_write(self, session: Session, limits: Limits) -> Writing:
        return Writing(
            answered.writer(self.bundle, session.graphs, self.bundle.folder),
            version=self.version,
            limits=limits,
            counted=self._count,
            wrote=lambda text: self._wrote(self, text),
        )

    def _count(self, ran: Ran) -> None:
        self.statistics.add(ran)
        self._ran(self, ran)


Observed = Callable[[Model, Arrays, Answer], None]
Wrote = Callable[[Model, Written], None]


def _uncounted(model: Model, ran: Ran) -> None:
    pass


def _untold(model: Model, text: Written) -> None:
    pass


@dataclass
class _State:
    """What became of the last load of a name."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    loading: bool = False
    version: str = ""
    reason: str = ""


class Models:
    """Every model by name. All methods are called from one event loop."""

    def __init__(
        self,
        options: Options,
        ran: Callable[[Model, Ran], None] = _uncounted,
        observed: Observed | None = None,
        wrote: Wrote | None = None,
    ) -> None:
        """Serve nothing yet. ran, wrote: told of every run and text, on the loop, for metrics; observed: of answers."""
        self.options = options
        self.notes: dict[str, str] = {}
        """What else is amiss, by where: shown with the reasons, stops nobody."""
        self._ran = ran
        self._observed, self._wrote = observed, wrote
        self._current: dict[str, Model] = {}
        self._states: dict[str, _State] = {}
        self._awaited: set[str] = set()
        self._started = False
        self._closing = False
        self._closes: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Whether all that was to be served at start has been ready once, and no shutdown has begun."""
        return self._started and not self._awaited and not self._closing

    def reasons(self) -> dict[str, str]:
        """Return, by name, why the last load failed, and the notes; an older version may still be served."""
        return {name: state.reason for name, state in sorted(self._states.items()) if state.reason} | self.notes

    def note(self, where: str, text: str) -> None:
        """Note what is amiss, or with no text that it no longer is."""
        if text:
            self.notes[where] = text
        else:
            self.notes.pop(where, None)

    def refused(self, name: str, reason: str) -> None:
        """Note why a version of a name cannot be served."""
        self._states.setdefault(name, _State()).reason = reason

    def start(self, names: Iterable[str]) -> None:
        """Say which models must have been ready once before the server is."""
        self._awaited = set(names) - set(self._current)
        self._started = True

    def get(self, name: str, version: str | None = None) -> Model:
        """Return the version being served. Raises Refusal: 404 for a name or version unknown, 503 for one not ready.

        Take it after the request's body is there; across any other wait, hold it by `with models.get(name) as model:`.
        """
        model = self._current.get(name)
        if model is None:
            state = self._states.get(name)
            if state is None and not self._started:
                raise Refusal(503, "nothing is served yet: the models are being looked for", "not_ready", 1)
            if state is None or not (state.loading or state.reason):
                raise Refusal(404, f"no model is named {name!r:.100}", "unknown_model")
            why = "is being loaded" if state.loading else f"could not be loaded: {state.reason}"
            raise Refusal(503, f"the model {name} {why}", "not_ready", 1 if state.loading else 10)
        if version is not None and version != model.version:
            raise Refusal(404, f"{name} has no version {version!r:.100}; it serves {model.version}", "unknown_version")
        return model

    def serving(self) -> list[Model]:
        """Return every model being served, by name."""
        return [self._current[name] for name in sorted(self._current)]

    def index(self) -> list[dict[str, str]]:
        """Return name, version, state and reason of every name, as the repository extension has them."""
        found = []
        for name in sorted({*self._current, *self._states}):
            model, state = self._current.get(name), self._states.get(name, _State())
            if model is None and not (state.loading or state.reason):
                continue  # unloaded
            word = "READY" if model is not None else "LOADING" if state.loading else "UNAVAILABLE"
            version = model.version if model is not None else state.version
            found.append({"name": name, "version": version, "state": word, "reason": state.reason})
        return found

    async def load(self, name: str, version: str, folder: Path, digest: str | None = None) -> Model:
        """Load one version, as `load_wanted` does; digest: what the sha256 of its SHA256SUMS must be."""
        return await self.load_wanted(name, lambda: Wanted(name, version, folder, digest))

    async def load_wanted(self, name: str, wanted: Callable[[], Wanted]) -> Model:
        """Read, open and warm a version beside the one being served, then swap; nothing is done if it is that one.

        wanted: says what to load, in a thread. It is asked when no other load of this name runs any more: whoever comes
        last serves what is wanted then. What is in hand finishes on the old version, which then gives its memory back;
        this does not wait for it. Raises ChainruleError, and keeps the old version, if the new one is not fit to serve.
        """
        state = self._states.setdefault(name, _State())
        async with state.lock:
            state.loading = True
            old = self._current.get(name)
            try:
                found = await asyncio.to_thread(wanted)
                state.version = found.version
                if old is not None and (old.version, old.bundle.digest) == (found.version, found.digest):
                    state.reason = ""
                    return old
                bundle, session = await asyncio.to_thread(loading.load, found, self.options)
                versions = await asyncio.to_thread(store.versions, found)
            except ChainruleError as error:
                state.reason = str(error)
                held = f"version {old.version} stays" if old else "nothing is served under this name"
                _log.error("%s is not loaded: %s (%s)", name, error, held)
                raise
            finally:
                state.loading = False
            model = Model(bundle, session, self.options, self._ran, versions, self._observed, self._wrote)
            self._current[name] = model
            state.reason = ""
            self._awaited.discard(name)
        for variant, why in bundle.left_out.items():
            _log.warning("%s version %s: %s is not served: %s", name, model.version, variant, why)
        _log.info("%s version %s (%s) on %s", name, model.version, model.variant, model.provider)
        if old is not None:
            self._retire(old)
        return model

    async def unload(self, name: str) -> None:
        """Stop serving a name, once what is in hand is answered. Raises Refusal 404 if it is not served.

        A load that runs ends first, or it would undo this.
        """
        state = self._states.get(name, _State())
        async with state.lock:
            model = self._current.pop(name, None)
            if model is None:
                raise Refusal(404, f"no model is named {name!r:.100}", "unknown_model")
            state.version = state.reason = ""
        await self._retire(model)

    async def close(self) -> None:
        """Answer what is in hand and end every worker."""
        self._closing = True
        for model in self._current.values():
            self._retire(model)
        self._current = {}
        while self._closes:
            await asyncio.gather(*self._closes)

    def _retire(self, model: Model) -> "asyncio.Task[None]":
        task = asyncio.create_task(model.close())
        self._closes.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(self._closes.discard)
        return task


def _mixes(bundle: Bundle) -> bool:
    """Whether items of unlike size may share a run: every input says what fills it, no output shows the filling."""
    filled = all(None not in tensor.shape[1:] or tensor.name in bundle.padding for tensor in bundle.inputs)
    return filled and not any(None in tensor.shape[1:] for tensor in bundle.outputs)
