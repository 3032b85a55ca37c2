import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.serving import loading, registry_client, store, watch
from chainrule.serving.errors import Refusal
from chainrule.serving.loading import Options
from chainrule.serving.models import Models
from tiny_store import export, point, promote, publish

IMAGE = np.zeros((1, 1, 8, 8), np.uint8)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SECONDS", 0.01)
    monkeypatch.setattr(watch, "REGISTRY_SECONDS", 0.02)
    monkeypatch.setattr(watch, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(watch, "REGISTRY_START_SECONDS", 0.05)


def go(root: Path, test: Callable[[Models], Awaitable[None]], registry: str | None = None) -> None:
    async def main() -> None:
        models = Models(Options(device="cpu"))
        watching = asyncio.ensure_future(watch.watch(models, root, registry))
        try:
            await asyncio.wait_for(test(models), 20)
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            await models.close()

    asyncio.run(main())


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.005)


def version(models: Models, name: str = "digits") -> str | None:
    try:
        return models.get(name).version
    except Refusal:
        return None


def test_a_champion_replaces_the_export_and_is_replaced(tmp_path: Path) -> None:
    export(tmp_path, "digits", shift=0.5)

    async def test(models: Models) -> None:
        await until(lambda: models.ready)
        assert version(models) == "0"
        promote(tmp_path, "digits", "1", shift=1.0)
        await until(lambda: version(models) == "1")
        promote(tmp_path, "digits", "2", shift=2.0)
        await until(lambda: version(models) == "2")
        answer = await models.get("digits").infer({"image": IMAGE})
        assert answer.outputs["logits"][0, 0] == 2.0

    go(tmp_path, test)


def test_a_bad_champion_leaves_the_old_and_is_tried_again(tmp_path: Path) -> None:
    promote(tmp_path, "digits", "1")

    async def test(models: Models) -> None:
        await until(lambda: models.ready)
        folder, champion = publish(tmp_path, "digits", "2")
        card = (folder / "MODEL_CARD.md").read_text()
        (folder / "MODEL_CARD.md").write_text("forged")
        point(tmp_path, "digits", champion)
        await until(lambda: "digits" in models.reasons())
        assert "sha256" in models.reasons()["digits"]
        assert version(models) == "1"
        (folder / "MODEL_CARD.md").write_text(card)
        await until(lambda: version(models) == "2")
        assert models.reasons() == {}
        point(tmp_path, "digits", "nonsense")
        await until(lambda: "digits" in models.reasons())
        assert version(models) == "2"

    go(tmp_path, test)


def test_a_model_that_is_unloaded_stays_so_until_it_changes(tmp_path: Path) -> None:
    promote(tmp_path, "digits", "1")

    async def test(models: Models) -> None:
        await until(lambda: models.ready)
        await models.unload("digits")
        await asyncio.sleep(0.1)
        assert version(models) is None
        promote(tmp_path, "digits", "2")
        await until(lambda: version(models) == "2")

    go(tmp_path, test)


def test_nothing_to_serve_is_said_until_there_is(tmp_path: Path) -> None:
    async def test(models: Models) -> None:
        await until(lambda: "store" in models.reasons())
        assert not models.ready
        export(tmp_path, "digits")
        await until(lambda: models.ready)
        assert "store" not in models.reasons()

    go(tmp_path, test)


def test_a_registry_that_is_down_leaves_what_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    promote(tmp_path, "digits", "1")
    down = True

    def fetch(uri: str, root: Path) -> list[str]:
        if down:
            return [f"{uri} does not answer"]
        if not (root / "models/served/digits/2").exists():
            promote(root, "digits", "2")
        return []

    monkeypatch.setattr(registry_client, "fetch_champions", fetch)

    async def test(models: Models) -> None:
        nonlocal down
        await until(lambda: models.ready)
        assert version(models) == "1"
        assert models.reasons() == {"registry": "http://registry does not answer"}
        down = False
        await until(lambda: version(models) == "2")
        await until(lambda: models.reasons() == {})

    go(tmp_path, test, "http://registry")


def test_what_nobody_foresaw_does_not_end_the_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    promote(tmp_path, "digits", "1")

    def fetch(uri: str, root: Path) -> list[str]:
        raise KeyError("model_version")

    monkeypatch.setattr(registry_client, "fetch_champions", fetch)
    real = watch.store.wanted

    def wanted(name: str, place: watch.Place) -> object:
        if place.path.read_text() == "odd":
            raise OSError("input/output error")
        return real(name, place)

    monkeypatch.setattr(watch.store, "wanted", wanted)

    async def test(models: Models) -> None:
        await until(lambda: models.ready)
        assert "KeyError" in models.reasons()["registry"]
        point(tmp_path, "digits", "odd")
        await until(lambda: "digits" in models.reasons())
        promote(tmp_path, "digits", "2")
        await until(lambda: version(models) == "2")

    go(tmp_path, test, "http://registry")


def test_a_registry_that_never_ends_its_answer_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(tmp_path, "digits", "1")
    release = threading.Event()

    def fetch(uri: str, root: Path) -> list[str]:
        release.wait(30)
        return []

    monkeypatch.setattr(registry_client, "fetch_champions", fetch)

    async def test(models: Models) -> None:
        await until(lambda: models.ready)
        assert "not answered" in models.reasons()["registry"]
        promote(tmp_path, "digits", "2")
        await until(lambda: version(models) == "2")

    go(tmp_path, test, "http://registry")  # and the end does not wait for it either
    assert not release.is_set()
    release.set()


def test_a_swap_that_was_told_too_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    promote(tmp_path, "digits", "1")
    opened: list[str] = []
    real = loading.load

    def remembered(wanted: store.Wanted, options: Options) -> Any:
        opened.append(wanted.version)
        return real(wanted, options)

    monkeypatch.setattr(loading, "load", remembered)

    async def test(models: Models) -> None:
        await until(lambda: models.ready)
        promote(tmp_path, "digits", "2")
        place = store.places(tmp_path)["digits"]
        told = [models.load_wanted("digits", lambda: store.wanted("digits", place)) for _ in range(3)]
        assert [model.version for model in await asyncio.gather(*told)] == ["2"] * 3
        await asyncio.sleep(0.1)
        assert opened == ["1", "2"]
        await models.unload("digits")
        await models.load_wanted("digits", lambda: store.wanted("digits", place))
        assert opened == ["1", "2", "2"]

    go(tmp_path, test)


def test_what_is_wanted_is_asked_when_a_load_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = promote(tmp_path, "digits", "1")
    go_on = threading.Event()
    real = loading.load

    def slow(wanted: store.Wanted, options: Options) -> Any:
        go_on.wait(20)
        return real(wanted, options)

    monkeypatch.setattr(loading, "load", slow)

    async def main() -> None:
        models = Models(Options(device="cpu"))
        place = store.places(tmp_path)["digits"]
        first = asyncio.ensure_future(models.load("digits", "7", folder))
        second = asyncio.ensure_future(models.load_wanted("digits", lambda: store.wanted("digits", place)))
        await asyncio.sleep(0.05)
        promote(tmp_path, "digits", "2")  # while the second waits for the first
        go_on.set()
        await asyncio.gather(first, second)
        assert version(models) == "2"
        await models.close()

    asyncio.run(main())
