"""Where an answer begins and ends: the loss over windows by hand, what calibrates it, and the line of no answer."""

import math

import numpy as np
import pytest
import torch

from chainrule.fields import answer as field
from chainrule.training.targets import answer

TOKENS = [(0, 3), (4, 6), (7, 12), (13, 16)]
TEXT = "red or green car"


def outputs(logits: list[list[list[float]]], windows: list[list[tuple[int, int]]]) -> dict[str, torch.Tensor]:
    """Return outputs of one row; logits: start and end of each window's none and tokens."""
    offsets = [[(field.NONE, field.NONE), *own] for own in windows]
    start, end = torch.tensor(logits, dtype=torch.float64)
    found = {"start_logits": start[None], "end_logits": end[None], "offsets": torch.tensor(offsets)[None]}
    return {**found, "passage": torch.tensor([[ord(letter) for letter in TEXT]]), "limits": torch.tensor([[20.0, 0.0]])}


def target(*answers: tuple[str, int]) -> torch.Tensor:
    value = field.written([field.Answer(*each) for each in answers])
    return torch.from_numpy(field.encode([value], field.fit([value])))


def missing(logits: list[float], own: list[int]) -> float:
    return math.log(sum(map(math.exp, logits))) - math.log(sum(math.exp(logits[place]) for place in own))


START, END = [0.5, 1.0, -1.0, 2.0, 0.0], [0.0, 0.3, 0.2, 1.0, 3.0]


def loss(own: torch.Tensor, smoothing: float = 0.0) -> float:
    found = outputs([[START], [END]], [TOKENS])
    return float(answer.loss({}, own, smoothing=smoothing, name="span_likelihood").eval()(found, own))


def test_the_loss_is_that_of_start_and_end() -> None:
    assert loss(target(("green car", 7))) == pytest.approx((missing(START, [3]) + missing(END, [4])) / 2)
    # A part of a token is that token, several right answers are each right, none is the first token.
    assert loss(target(("reen", 8))) == pytest.approx((missing(START, [3]) + missing(END, [3])) / 2)
    both = target(("green car", 7), ("red", 0))
    assert loss(both) == pytest.approx((missing(START, [1, 3]) + missing(END, [1, 4])) / 2)
    assert loss(target()) == pytest.approx((missing(START, [0]) + missing(END, [0])) / 2)


def test_windows_are_one_distribution_and_what_fills_up_counts_for_nothing() -> None:
    windows = [TOKENS[:3], [*TOKENS[2:], (0, 0)]]
    start, end = [[0.0, 1.0, 2.0, 3.0], [0.5, 1.5, 2.5, 99.0]], [[0.0] * 4, [1.0, 2.0, 3.0, 99.0]]
    found = outputs([start, end], windows)
    own = target(("green", 7))
    expected = missing([0, 1, 2, 3, 0.5, 1.5, 2.5], [3, 5]) + missing([0, 0, 0, 0, 1, 2, 3], [3, 5])
    assert float(answer.Loss().eval()(found, own)) == pytest.approx(expected / 2)


def test_a_row_whose_answer_is_in_no_window_teaches_nothing() -> None:
    assert loss(target(("far", 400))) == 0.0


def test_smoothing_is_for_learning_alone() -> None:
    found, own = outputs([[START], [END]], [TOKENS]), target(("red", 0))
    smooth = answer.loss({}, own, smoothing=0.1, name="span_likelihood")
    assert float(smooth.train()(found, own)) != pytest.approx(loss(own))
    assert float(smooth.eval()(found, own)) == pytest.approx(loss(own))


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name, value in answer.constants({"longest": 20, "none": 0.5}).items():
            self.register_buffer(name, value)


def test_calibration_finds_the_temperature_and_the_line_of_no_answer() -> None:
    """Of rows that are right in three of four cases but told as sure, and that lean to a span by 2 nats too much."""
    drawn = np.random.default_rng(0)
    rows, values = [], []
    for _ in range(200):
        none = bool(drawn.random() < 0.5)
        values.append("[]" if none else field.written([field.Answer("red", 0)]))
        logits = np.zeros(5)
        logits[0], logits[1] = (8, 9) if none else (0, 20)
        if drawn.random() < 0.25 and not none:
            logits[1], logits[3] = 0, 20
        rows.append(logits)
    both = torch.from_numpy(np.array(rows))[:, None].double()
    one = outputs([[START], [END]], [TOKENS])
    found = {name: each.expand(200, *each.shape[1:]).numpy().astype(np.float32) for name, each in one.items()}
    found |= {"start_logits": both.numpy(), "end_logits": both.numpy()}
    facts = field.fit(values)
    model = Model()
    _, told = answer.calibrate(model, found, field.encode(values, facts), facts)
    assert told["temperature"] > 2 and float(model.temperature) == pytest.approx(told["temperature"], abs=1e-5)
    assert -20 / told["temperature"] * 2 < told["none_above"] < -2 / told["temperature"] + 1e-6
    assert float(model.within[1]) == pytest.approx(told["none_above"], abs=1e-5)
