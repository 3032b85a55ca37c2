import asyncio
import threading
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from chainrule.serving import batching
from chainrule.serving.batching import Answer, Arrays, Batcher, Ran, split
from chainrule.serving.errors import Refusal


class Runs:
    """A run that can be held up, and remembers its batches: doubles its input, refuses 13 and fails on 7."""

    def __init__(self) -> None:
        self.batches: list[np.ndarray] = []
        self.counted: list[Ran] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def __call__(self, inputs: Arrays) -> Arrays:
        self.entered.set()
        self.gate.wait()
        self.batches.append(inputs["x"])
        if (inputs["x"] == 7).any():
            raise RuntimeError("broken")
        if (inputs["x"] == 13).any():
            raise type("InvalidArgument", (Exception,), {})("13 is out of bounds")
        return {"y": inputs["x"].sum(axis=1, keepdims=True) * 2}


def batcher(runs: Runs, **options: Any) -> Batcher:
    defaults: dict[str, Any] = {
        "version": "3", "workers": 1, "abreast": 1, "max_batch": 4, "max_cells": 1000, "queue": 100, "deadline": 30.0,
        "padding": {"x": 0}, "mixes": True, "counted": runs.counted.append,
    }  # fmt: skip
    return Batcher(runs, **(defaults | options))


def row(value: int, length: int = 2, items: int = 1) -> dict[str, np.ndarray]:
    return {"x": np.full((items, length), value)}


def ask(queue: Batcher, value: int, length: int = 2, items: int = 1) -> "asyncio.Task[Answer]":
    return asyncio.ensure_future(queue.submit(row(value, length, items), items, (length,)))


async def held(queue: Batcher, runs: Runs) -> "asyncio.Task[Answer]":
    """Occupy the only worker with a request of its own until the gate opens."""
    runs.gate.clear()
    task = ask(queue, 1)
    while not runs.entered.is_set():
        await asyncio.sleep(0.001)
    return task


def go(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))  # type: ignore[arg-type]


def test_a_lone_request_runs_at_once_and_as_it_is() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs)
        inputs = row(5)
        answer = await queue.submit(inputs, 1, (2,))
        assert answer.outputs["y"].tolist() == [[20]]
        assert (answer.version, answer.batch) == ("3", 1)
        assert runs.batches[0] is inputs["x"]  # not copied
        assert answer.queued < 1 and answer.computed < 1
        await queue.close()

    go(test)


def test_a_short_run_of_a_client_that_is_alone_is_done_by_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        runs = Runs()
        threads: list[threading.Thread] = []

        def run(inputs: Arrays) -> Arrays:
            threads.append(threading.current_thread())
            return runs(inputs)

        queue = Batcher(
            run, version="3", workers=2, abreast=2, max_batch=4, max_cells=1000, queue=100, deadline=30.0,
            padding={}, mixes=True, counted=runs.counted.append,
        )  # fmt: skip

        async def rest() -> None:
            while queue._idle < 2:  # a worker is on its way back
                await asyncio.sleep(0.001)

        async def here(value: int, items: int = 1, alone: bool = True) -> bool:
            await rest()
            answer = await queue.submit(row(value, items=items), items, (2,), alone=alone)
            assert answer.outputs["y"].tolist() == [[4 * value]] * items
            assert (answer.version, answer.batch) == ("3", items)
            return threads[-1] is threading.main_thread()

        assert not await here(1)  # how long a run takes is not known yet
        assert await here(2)
        assert not await here(3, alone=False)
        monkeypatch.setattr(batching, "SHORT", 0.0)
        assert not await here(4)
        monkeypatch.setattr(batching, "SHORT", 60.0)
        assert await here(5, items=9)  # in parts
        for value, status in ((13, 400), (7, 500)):
            await rest()
            with pytest.raises(Refusal) as caught:
                await queue.submit(row(value), 1, (2,), alone=True)
            assert caught.value.status == status and threads[-1] is threading.main_thread()
        assert sum(ran.items for ran in runs.counted) == 15
        await queue.close()
        with pytest.raises(Refusal):
            await queue.submit(row(1), 1, (2,), alone=True)

    go(test)


def test_the_loop_does_no_run_while_others_are_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "SHORT", 60.0)

    async def test() -> None:
        runs = Runs()
        queue = batcher(runs)
        await queue.submit(row(1), 1, (2,))
        runs.entered.clear()
        first = await held(queue, runs)
        second = asyncio.ensure_future(queue.submit(row(2), 1, (2,), alone=True))
        await asyncio.sleep(0)
        assert queue.queued == 1  # the loop still turns, and the run is the worker's
        runs.gate.set()
        assert [(await each).outputs["y"].item() for each in (first, second)] == [4, 8]
        await queue.close()

    go(test)


def test_what_is_queued_runs_together_up_to_the_limit() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs)
        first = await held(queue, runs)
        tasks = [ask(queue, value) for value in (2, 3, 4, 5, 6)]
        await asyncio.sleep(0.01)
        runs.gate.set()
        answers = await asyncio.gather(first, *tasks)
        assert [answer.outputs["y"].tolist() for answer in answers] == [[[4 * n]] for n in (1, 2, 3, 4, 5, 6)]
        assert [len(batch) for batch in runs.batches] == [1, 4, 1]
        assert [answer.batch for answer in answers] == [1, 4, 4, 4, 4, 1]
        await queue.close()

    go(test)


def test_a_run_leaves_the_others_that_go_abreast_their_share() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs, abreast=2, max_batch=8)
        first = await held(queue, runs)
        tasks = [ask(queue, value) for value in range(20, 26)]
        await asyncio.sleep(0)
        runs.gate.set()
        await asyncio.gather(first, *tasks)
        assert [len(batch) for batch in runs.batches] == [1, 3, 2, 1]
        await queue.close()

    go(test)


def test_a_request_larger_than_the_limit_runs_alone_and_in_parts() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs)
        first = await held(queue, runs)
        large, small = ask(queue, 2, items=9), ask(queue, 3)
        await asyncio.sleep(0.01)
        runs.gate.set()
        answers = await asyncio.gather(first, large, small)
        assert [len(batch) for batch in runs.batches] == [1, 4, 4, 1, 1]
        assert answers[1].outputs["y"].tolist() == [[8]] * 9
        assert answers[1].batch == 9
        await queue.close()

    go(test)


def test_long_texts_make_small_batches() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs, max_cells=30)
        first = await held(queue, runs)
        tasks = [ask(queue, 1, length) for length in (10, 8, 10, 10, 40, 15, 14)]
        await asyncio.sleep(0.01)
        runs.gate.set()
        await asyncio.gather(first, *tasks)
        assert [batch.shape for batch in runs.batches] == [(1, 2), (3, 10), (1, 8), (1, 40), (2, 15)]
        assert queue.queued == 0
        await queue.close()

    go(test)


def test_the_oldest_goes_first_with_those_nearest_in_length() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs)
        first = await held(queue, runs)
        lengths = (10, 100, 11, 95, 9, 10)
        tasks = [ask(queue, 1, length) for length in lengths]
        await asyncio.sleep(0.01)
        runs.gate.set()
        answers = await asyncio.gather(first, *tasks)
        assert [batch.shape for batch in runs.batches] == [(1, 2), (4, 11), (2, 100)]
        assert [answer.outputs["y"].item() for answer in answers[1:]] == [2 * length for length in lengths]
        await queue.close()

    go(test)


def test_unlike_lengths_stay_apart_where_nothing_may_fill_them() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs, mixes=False)
        first = await held(queue, runs)
        tasks = [ask(queue, 1, length) for length in (10, 11, 10)]
        await asyncio.sleep(0.01)
        runs.gate.set()
        await asyncio.gather(first, *tasks)
        assert [batch.shape for batch in runs.batches] == [(1, 2), (2, 10), (1, 11)]
        await queue.close()

    go(test)


def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs, queue=3)
        first = await held(queue, runs)
        tasks = [ask(queue, 2, items=2), ask(queue, 3)]
        await asyncio.sleep(0.01)
        with pytest.raises(Refusal) as caught:
            await ask(queue, 4)
        assert (caught.value.status, caught.value.reason) == (503, "queue_full")
        assert caught.value.retry_after is not None and caught.value.retry_after >= 1
        runs.gate.set()
        await asyncio.gather(first, *tasks)
        assert (await ask(queue, 4)).outputs["y"].item() == 16
        await queue.close()

    go(test)


def test_a_deadline_that_passes_in_the_queue_is_answered_then_and_never_run() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs, deadline=0.1)
        first = await held(queue, runs)
        start = perf_counter()
        with pytest.raises(Refusal) as caught:
            await ask(queue, 9)
        assert (caught.value.status, caught.value.reason) == (503, "deadline")
        assert 0.09 < perf_counter() - start < 5
        assert queue.queued == 0
        runs.gate.set()
        await first
        await ask(queue, 3)
        assert not any((batch == 9).any() for batch in runs.batches)
        await queue.close()

    go(test)


def test_a_request_given_up_is_not_run() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs)
        first = await held(queue, runs)
        given_up, kept = ask(queue, 9), ask(queue, 2)
        await asyncio.sleep(0.01)
        given_up.cancel()
        await asyncio.sleep(0)
        assert queue.queued == 1
        runs.gate.set()
        await asyncio.gather(first, kept)
        assert not any((batch == 9).any() for batch in runs.batches)
        await queue.close()

    go(test)


def test_a_request_given_up_while_it_runs_disturbs_nobody() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs)
        first = await held(queue, runs)
        first.cancel()
        await asyncio.sleep(0.01)
        other = ask(queue, 2)
        runs.gate.set()
        assert (await other).outputs["y"].item() == 8
        assert queue.queued == 0
        await queue.close()

    go(test)


def test_one_bad_request_fails_alone() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs)
        first = await held(queue, runs)
        tasks = [ask(queue, value) for value in (2, 13, 7, 4)]
        await asyncio.sleep(0.01)
        runs.gate.set()
        await first
        good, values, broken, also_good = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(good, Answer) and good.outputs["y"].item() == 8
        assert isinstance(also_good, Answer) and also_good.outputs["y"].item() == 16
        assert isinstance(values, Refusal) and (values.status, values.reason) == (400, "values")
        assert isinstance(broken, Refusal) and (broken.status, broken.reason) == (500, "run")
        assert "broken" not in broken.message
        await queue.close()
        assert sum(ran.requests for ran in runs.counted if ran.failed) == 2
        assert sum(ran.requests for ran in runs.counted if not ran.failed) == 3

    go(test)


def test_closing_answers_what_waits_and_takes_no_more() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs)
        first = await held(queue, runs)
        tasks = [ask(queue, value) for value in range(20, 30)]
        await asyncio.sleep(0.01)
        closing = asyncio.ensure_future(queue.close())
        await asyncio.sleep(0.01)
        with pytest.raises(Refusal) as caught:
            await ask(queue, 2)
        assert (caught.value.status, caught.value.reason) == (503, "closed")
        runs.gate.set()
        await closing
        assert all(task.done() for task in (first, *tasks))
        assert [task.result().outputs["y"].item() for task in tasks] == [4 * value for value in range(20, 30)]

    go(test)


def test_everybody_gets_their_own_answer_under_load() -> None:
    async def test() -> None:
        runs = Runs()
        queue = batcher(runs, workers=4, max_batch=8, queue=10_000)
        random = np.random.default_rng(0)

        async def client(number: int) -> None:
            for turn in range(50):
                value = 100 + number * 50 + turn
                length, items = int(random.integers(1, 20)), int(random.integers(1, 4))
                answer = await ask(queue, value, length, items)
                assert answer.outputs["y"].tolist() == [[2 * value * length]] * items

        await asyncio.gather(*(client(number) for number in range(32)))
        assert queue.queued == 0
        await queue.close()
        assert sum(ran.requests for ran in runs.counted) == 32 * 50
        assert max(ran.items for ran in runs.counted) > 1

    go(test)


def test_the_answers_of_a_run_are_cut() -> None:
    whole = row(2, 4, items=3)
    assert split(whole, 1, 2)["x"].tolist() == [[2, 2, 2, 2]] * 2
