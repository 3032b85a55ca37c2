import itertools
import sys
from types import SimpleNamespace

import pytest

from chainrule import progress


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=clock))
    return clock


def test_quick_work_says_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in progress.track(range(1000), "clean@digits"):
        clock.now += 1.9 / 1000
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_off_a_terminal_it_is_whole_lines_and_at_most_one_in_ten_seconds(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    times = []
    for _ in progress.track(range(1000), "clean@digits", "images"):
        if capsys.readouterr().out:
            times.append(clock.now - 1000)
        clock.now += 0.1
    assert 2 <= times[0] <= 2.2
    assert all(later - earlier >= 10 for earlier, later in itertools.pairwise(times))
    assert 8 <= len(times) <= 11


def test_a_line_says_what_how_much_and_of_how_many(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    shown = progress.Progress("finetune@digits", 2000, "batches", done=490)
    shown.advance(5, "loss 0.9")
    clock.now += 3
    shown.advance(5)
    shown.advance(5, "loss 0.1")
    shown.close()
    captured = capsys.readouterr()
    assert captured.out == "finetune@digits: 25% of 2,000 batches loss 0.9\n"
    assert captured.err == ""


def test_slow_steps_give_one_line_each_not_more(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in progress.track(range(3), "slow"):
        clock.now += 100
    assert capsys.readouterr().out == "slow: 33% of 3 rows\nslow: 67% of 3 rows\nslow: 100% of 3 rows\n"


def test_yields_every_item_in_order() -> None:
    assert list(progress.track(["a", "b"], "it")) == ["a", "b"]
    assert list(progress.track([], "nothing")) == []


def test_on_a_terminal_it_is_a_bar_and_no_lines(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for _ in progress.track(range(3), "clean@digits"):
        clock.now += 100
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "clean@digits" in captured.err
