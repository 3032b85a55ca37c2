import asyncio
import gc
import json
import threading
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny_bundles
from chainrule.serving import runtime
from chainrule.serving.batching import Answer
from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits
from chainrule.serving.loading import Options
from chainrule.serving.models import Models
from chainrule.system.errors import DataError

IMAGE = np.zeros((1, 1, 8, 8), np.uint8)


def go(test: Callable[[Models], Awaitable[None]], **limits: Any) -> None:
    async def main() -> None:
        models = Models(Options(device="cpu", limits=Limits(**limits)))
        try:
            await asyncio.wait_for(test(models), 60)
        finally:
            await models.close()

    asyncio.run(main())


def shift_of(answer: Answer) -> float:
    """What the version that answered adds to every logit; black pixels add nothing."""
    (shift,) = set(answer.outputs["logits"].ravel().tolist())
    return float(shift)


async def refusal(awaited: Awaitable[object]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await awaited
    return caught.value


def test_a_model_answers_and_names_its_version(tmp_path: Path) -> None:
    tiny_bundles.image_bundle(tmp_path / "1", shift=1.0)

    async def test(models: Models) -> None:
        model = await models.load("digits", "1", tmp_path / "1")
        answer = await models.get("digits").infer({"image": IMAGE})
        assert (answer.version, shift_of(answer)) == ("1", 1.0)
        assert models.get("digits", "1") is model
        assert (model.variant, model.provider, model.device) == ("fp32", "CPUExecutionProvider", "cpu")
        assert models.index() == [{"name": "digits", "version": "1", "state": "READY", "reason": ""}]
        chosen = await model.infer({"image": IMAGE}, ["logits"])
        assert list(chosen.outputs) == ["logits"]

    go(test)


def test_names_and_versions_unknown_are_404(tmp_path: Path) -> None:
    tiny_bundles.image_bundle(tmp_path / "1")

    async def test(models: Models) -> None:
        with pytest.raises(Refusal, match="being looked for") as early:
            models.get("digits")
        assert early.value.status == 503
        await models.load("digits", "1", tmp_path / "1")
        models.start(["digits"])
        for name, version in (("../digits", None), ("nothing", None), ("digits", "2"), ("digits", "")):
            with pytest.raises(Refusal) as caught:
                models.get(name, version)
            assert caught.value.status == 404

    go(test)


def test_texts_of_any_length_are_answered_alike_alone_and_together(tmp_path: Path) -> None:
    tiny_bundles.text_bundle(tmp_path / "1")
    random = np.random.default_rng(0)

    def text(length: int) -> dict[str, np.ndarray]:
        ids = random.integers(2, len(tiny_bundles.WORDS), (1, length))
        return {"input_ids": ids, "attention_mask": np.ones_like(ids)}

    async def test(models: Models) -> None:
        model = await models.load("reviews", "1", tmp_path / "1")
        texts = [text(int(length)) for length in random.integers(1, tiny_bundles.MAX_LENGTH, 60)]
        together = await asyncio.gather(*(model.infer(each) for each in texts))
        assert max(answer.batch for answer in together) > 1
        for each, answer in zip(texts, together, strict=True):
            expected = tiny_bundles.text_weights()[each["input_ids"][0]].mean(axis=0)
            np.testing.assert_allclose(answer.outputs["logits"][0], expected, atol=1e-5)
            alone = await model.infer(each)
            np.testing.assert_allclose(answer.outputs["logits"], alone.outputs["logits"], atol=1e-5)

    go(test)


@pytest.mark.parametrize(
    ("ids", "mask", "status"),
    [
        ((2, 5), (3, 5), 400),
        ((2, 5), (2, 6), 400),
        ((0, 5), (0, 5), 400),
        ((1, 0), (1, 0), 400),
        ((1, tiny_bundles.MAX_LENGTH + 1), (1, tiny_bundles.MAX_LENGTH + 1), 400),
        ((9, 5), (9, 5), 413),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    ids: tuple[int, int], mask: tuple[int, int], status: int, tmp_path: Path
) -> None:
    tiny_bundles.text_bundle(tmp_path / "1")

    async def test(models: Models) -> None:
        model = await models.load("reviews", "1", tmp_path / "1")
        inputs = {"input_ids": np.ones(ids, np.int64), "attention_mask": np.ones(mask, np.int64)}
        assert (await refusal(model.infer(inputs))).status == status
        assert model.statistics.runs == 0

    go(test, batch=8)


def test_a_request_that_the_queue_could_never_hold_is_too_large(tmp_path: Path) -> None:
    tiny_bundles.image_bundle(tmp_path / "1")

    async def test(models: Models) -> None:
        model = await models.load("digits", "1", tmp_path / "1")
        assert (await refusal(model.infer({"image": np.zeros((5, 1, 8, 8), np.uint8)}))).status == 413
        await model.infer({"image": np.zeros((4, 1, 8, 8), np.uint8)})

    go(test, queue=4)


def test_a_token_out_of_range_is_the_clients_fault_and_nobody_elses(tmp_path: Path) -> None:
    tiny_bundles.text_bundle(tmp_path / "1")
    mask = np.ones((1, 4), np.int64)
    good, bad = np.full((1, 4), 3), np.full((1, 4), 10_000)

    async def test(models: Models) -> None:
        model = await models.load("reviews", "1", tmp_path / "1")
        asked = [model.infer({"input_ids": bad if n % 5 == 0 else good, "attention_mask": mask}) for n in range(50)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        for number, each in enumerate(found):
            if number % 5 == 0:
                assert isinstance(each, Refusal) and (each.status, each.reason) == (400, "values")
            else:
                assert isinstance(each, Answer)

    go(test)


class Careless:
    """A session that looks a token up without asking, as a GPU does."""

    def __init__(self, session: runtime.Session) -> None:
        self.session = session
        self.runs = 0

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.runs += 1
        most = len(tiny_bundles.WORDS) - 1
        return self.session.run({name: array.clip(0, most) for name, array in inputs.items()})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)


@pytest.mark.parametrize(
    ("ids", "mask", "said"),
    [
        ([2, len(tiny_bundles.WORDS)], [1, 1], f"input_ids has {len(tiny_bundles.WORDS)}; this model takes 0 to 10"),
        ([-1, 2], [1, 1], "input_ids has -1; this model takes 0 to 10"),
        ([-(2**63), 2**63 - 1], [1, 1], "input_ids has -9223372036854775808"),
        ([2, 3], [1, 2], "attention_mask has 2; this model takes 0 to 1"),
    ],
)
def test_a_value_out_of_range_never_reaches_the_device(
    ids: list[int], mask: list[int], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_bundles.text_bundle(tmp_path / "1")
    real = runtime.open_session
    monkeypatch.setattr(runtime, "open_session", lambda *given, **named: Careless(real(*given, **named)))

    async def test(models: Models) -> None:
        model = await models.load("reviews", "1", tmp_path / "1")
        await model.infer({"input_ids": np.array([[0, 10]]), "attention_mask": np.array([[0, 1]])})
        answered = await refusal(model.infer({"input_ids": np.array([ids]), "attention_mask": np.array([mask])}))
        assert (answered.status, answered.reason) == (400, "values")
        assert answered.message.startswith(said)
        assert model.statistics.runs == 1

    go(test)


def test_a_vocabulary_that_the_graph_has_no_room_for_is_refused(tmp_path: Path) -> None:
    folder = tiny_bundles.text_bundle(tmp_path / "1")
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["vocab"]["more"] = len(tiny_bundles.WORDS)
    (folder / "tokenizer.json").write_text(json.dumps(content))
    tiny_bundles.resum(folder)

    async def test(models: Models) -> None:
        with pytest.raises(DataError, match="the model fails on a batch of 1"):
            await models.load("reviews", "1", folder)

    go(test)


def test_a_failed_load_keeps_the_old_and_says_why(tmp_path: Path) -> None:
    tiny_bundles.image_bundle(tmp_path / "1", shift=1.0)
    tiny_bundles.image_bundle(tmp_path / "2", shift=2.0)
    (tmp_path / "2" / "model.pkl").write_bytes(b"x")

    async def test(models: Models) -> None:
        await models.load("digits", "1", tmp_path / "1")
        models.start(["digits"])
        with pytest.raises(DataError, match=r"model\.pkl"):
            await models.load("digits", "2", tmp_path / "2")
        assert shift_of(await models.get("digits").infer({"image": IMAGE})) == 1.0
        (entry,) = models.index()
        assert (entry["version"], entry["state"]) == ("1", "READY")
        assert "model.pkl" in entry["reason"] and "model.pkl" in models.reasons()["digits"]
        assert models.ready
        (tmp_path / "2" / "model.pkl").unlink()
        await models.load("digits", "2", tmp_path / "2")
        assert models.reasons() == {}

    go(test)


def test_another_bundle_than_the_promoted_one_is_refused(tmp_path: Path) -> None:
    tiny_bundles.image_bundle(tmp_path / "1")

    async def test(models: Models) -> None:
        with pytest.raises(DataError, match="not the bundle that was promoted"):
            await models.load("digits", "1", tmp_path / "1", digest="0" * 64)
        with pytest.raises(Refusal) as caught:
            models.get("digits")
        assert (caught.value.status, caught.value.reason) == (503, "not_ready")
        assert models.index()[0]["state"] == "UNAVAILABLE"

    go(test)


def test_a_model_that_answers_with_no_numbers_is_refused(tmp_path: Path) -> None:
    tiny_bundles.image_bundle(tmp_path / "1", shift=float("nan"))

    async def test(models: Models) -> None:
        with pytest.raises(DataError, match="not finite"):
            await models.load("digits", "1", tmp_path / "1")

    go(test)


def test_ready_means_that_all_were_ready_once(tmp_path: Path) -> None:
    tiny_bundles.image_bundle(tmp_path / "1")

    async def test(models: Models) -> None:
        assert not models.ready
        models.start(["digits"])
        assert not models.ready
        await models.load("digits", "1", tmp_path / "1")
        assert models.ready
        models.refused("reviews", "a new one that cannot be loaded")
        assert models.ready
        await models.close()
        assert not models.ready

    go(test)


def test_a_model_stays_for_who_takes_it_again_at_once_as_an_explanation_does(tmp_path: Path) -> None:
    tiny_bundles.image_bundle(tmp_path / "1")

    async def test(models: Models) -> None:
        model = await models.load("digits", "1", tmp_path / "1")
        with model:
            closing = asyncio.create_task(model.close())
            await asyncio.sleep(0)
        with model:
            for _ in range(10):
                await asyncio.sleep(0)
            assert not closing.done() and model.ready
            assert (await model.infer({"image": IMAGE})).version == "1"
        await closing
        assert not model.ready

    go(test)


def test_a_request_in_hand_finishes_on_the_version_it_began_on(tmp_path: Path) -> None:
    for version in (1, 2):
        tiny_bundles.image_bundle(tmp_path / str(version), shift=float(version))

    async def test(models: Models) -> None:
        await models.load("digits", "1", tmp_path / "1")
        with models.get("digits") as old:
            await models.load("digits", "2", tmp_path / "2")
            assert models.get("digits").version == "2"
            await asyncio.sleep(0.05)
            assert old.ready
            assert shift_of(await old.infer({"image": IMAGE})) == 1.0
        while old.ready:
            await asyncio.sleep(0.01)
        assert (await refusal(old.infer({"image": IMAGE}))).status == 503
        assert shift_of(await models.get("digits").infer({"image": IMAGE})) == 2.0

    go(test)


def test_a_hundred_swaps_under_load_drop_and_mix_nothing(tmp_path: Path) -> None:
    for version in (1, 2):
        tiny_bundles.image_bundle(tmp_path / str(version), shift=float(version))
    before = threading.active_count()

    async def test(models: Models) -> None:
        await models.load("digits", "0", tmp_path / "1")
        shifts = {"0": 1.0}
        running = True
        asked = [0]

        async def client() -> None:
            while running:
                model = models.get("digits")
                answer = await model.infer({"image": IMAGE})
                assert answer.version == model.version
                assert shift_of(answer) == shifts[answer.version]
                asked[0] += 1

        clients = [asyncio.ensure_future(client()) for _ in range(32)]
        for swap in range(1, 101):
            which = 1 + swap % 2
            shifts[str(swap)] = float(which)
            await models.load("digits", str(swap), tmp_path / str(which))
        running = False
        await asyncio.gather(*clients)
        assert asked[0] > 1000
        assert models.get("digits").version == "100"

    go(test)
    assert threading.active_count() <= before + 2  # the pool of asyncio may linger


def test_a_version_replaced_is_freed_without_a_collector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_bundles.image_bundle(tmp_path / "1")
    opened: list[weakref.ref[runtime.Session]] = []
    real = runtime.open_session

    def remembered(*arguments: Any, **keywords: Any) -> runtime.Session:
        session = real(*arguments, **keywords)
        opened.append(weakref.ref(session))
        return session

    monkeypatch.setattr(runtime, "open_session", remembered)

    async def test(models: Models) -> None:
        for version in ("1", "2", "3"):
            await models.load("digits", version, tmp_path / "1")
            await models.get("digits").infer({"image": IMAGE})
        while sum(session() is not None for session in opened) > 1:
            await asyncio.sleep(0.01)
        await models.unload("digits")
        assert opened[-1]() is None

    gc.disable()
    try:
        go(test)
    finally:
        gc.enable()


def test_unloading_answers_what_is_in_hand(tmp_path: Path) -> None:
    tiny_bundles.image_bundle(tmp_path / "1")

    async def test(models: Models) -> None:
        model = await models.load("digits", "1", tmp_path / "1")
        asked = [asyncio.ensure_future(model.infer({"image": IMAGE})) for _ in range(20)]
        await asyncio.sleep(0)
        await models.unload("digits")
        assert all(isinstance(answer, Answer) for answer in await asyncio.gather(*asked))
        assert models.index() == []
        assert (await refusal(models.unload("digits"))).status == 404

    go(test)


def test_unloading_waits_for_a_load_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_bundles.image_bundle(tmp_path / "1")
    go_on = threading.Event()
    real = runtime.open_session

    def slow(*arguments: Any, **keywords: Any) -> runtime.Session:
        go_on.wait(20)
        return real(*arguments, **keywords)

    async def test(models: Models) -> None:
        await models.load("digits", "1", tmp_path / "1")
        monkeypatch.setattr(runtime, "open_session", slow)
        loading = asyncio.ensure_future(models.load("digits", "2", tmp_path / "1"))
        await asyncio.sleep(0.05)
        unloading = asyncio.ensure_future(models.unload("digits"))
        await asyncio.sleep(0.05)
        assert models.get("digits").version == "1"
        go_on.set()
        await asyncio.gather(loading, unloading)
        assert models.index() == [] and models.serving() == []
        with pytest.raises(Refusal) as caught:
            models.get("digits")
        assert caught.value.status in (404, 503)

    go(test)


def test_statistics_count_what_was_done(tmp_path: Path) -> None:
    tiny_bundles.image_bundle(tmp_path / "1")

    async def test(models: Models) -> None:
        model = await models.load("digits", "1", tmp_path / "1")
        for _ in range(3):
            await model.infer({"image": IMAGE})
        await model.infer({"image": np.zeros((5, 1, 8, 8), np.uint8)})
        report = model.statistics.report(model.name, model.version)
        assert (report["inference_count"], report["execution_count"]) == (8, 4)
        assert report["inference_stats"]["success"]["count"] == 4
        assert report["inference_stats"]["fail"] == {"count": 0, "ns": 0}
        assert [entry["batch_size"] for entry in report["batch_stats"]] == [1, 5]
        assert report["batch_stats"][0]["compute_infer"]["count"] == 3

    go(test)
