import itertools
import sys
from types import SimpleNamespace

import pytest

from chainrule.system import progress


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


def lines(clock: Clock, capsys: pytest.CaptureFixture[str], total: int, seconds: float, done: int = 0) -> list[str]:
    """Return what is said of work that takes so many seconds."""
    shown = progress.Progress("finetune@digits", total, "batches", done=done)
    for _ in range(done, total):
        clock.now += seconds / total
        shown.advance()
    return [line.removeprefix("finetune@digits: ") for line in capsys.readouterr().out.splitlines()]


def test_lines_come_at_round_shares(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    shares = [line.split(" of ")[0] for line in lines(clock, capsys, 2000, seconds=170)]
    assert shares == ["2%", *(f"{share}%" for share in range(10, 101, 10))]


def test_lines_of_long_work_come_at_tenths_of_a_percent(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(clock, capsys, 50_000, seconds=50_000)
    assert said[:3] == [f"{share}% of 50,000 batches" for share in ("0.1", "0.2", "0.3")]
    assert len(said) == 1000


def test_few_items_are_counted(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(clock, capsys, 15, seconds=90) == [f"{count} of 15 batches" for count in range(1, 16, 2)]


def test_what_was_done_before_counts_but_not_for_the_pace(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    shares = [line.split(" of ")[0] for line in lines(clock, capsys, 2000, seconds=170, done=1500)]
    assert shares == ["76%", "80%", "90%", "100%"]


def test_a_line_ends_with_the_note_given_last(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    shown = progress.Progress("finetune@digits", 2000, "batches", done=390)
    shown.advance(5, lambda: "loss 0.9")
    clock.now += 3
    shown.advance(405)
    shown.advance(5, lambda: "loss 0.1")
    shown.close()
    captured = capsys.readouterr()
    assert captured.out == "finetune@digits: 40% of 2,000 batches loss 0.9\n"
    assert captured.err == ""


def test_slow_steps_give_one_line_each_not_more(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in progress.track(range(3), "slow", "steps"):
        clock.now += 100
    assert capsys.readouterr().out == "slow: 1 of 3 steps\nslow: 2 of 3 steps\nslow: 3 of 3 steps\n"


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
