"""What an update makes of batches: too large for memory, with an L1 penalty, of a training that diverges."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chainrule.system.errors import ChainruleError
from chainrule.training.prediction import predict
from small_trainings import KilledError, Linear, accuracy, dying, fit, images, same, small_objective, weights

PLAIN: dict[str, Any] = {"optimizer": "sgd", "gradient_clip": None, "learning_rate": 0.1, "weight_decay": 0.0}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def full_gpu() -> Exception:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def full_machine() -> Exception:
    return RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: …")


class Limited(Linear):
    """An objective that fits in memory for so many rows at once."""

    def __init__(self, rows: int, error: Callable[[], Exception] = full_machine) -> None:
        super().__init__()
        self.rows, self.error, self.largest = rows, error, 0

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        found = super().forward(batch)
        if len(batch["target"]) > self.rows:
            raise self.error()
        self.largest = max(self.largest, len(batch["target"]))
        return found


@pytest.mark.parametrize("error", [full_gpu, full_machine, MemoryError])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_batch_that_does_not_fit_is_learnt_in_parts_with_the_same_gradient(
    error: Callable[[], Exception], accumulation: int, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, limited = Linear(), Limited(3, error)
    settings = PLAIN | {"batch_size": 10, "accumulation": accumulation, "score": accuracy}
    expected = fit(whole, images(44), images(18, seed=1), **settings)
    history = fit(limited, images(44), images(18, seed=1), label="finetune@mine", **settings)
    torch.testing.assert_close(weights(limited), weights(whole), rtol=1e-5, atol=1e-6)
    assert limited.largest == 3
    for record, wanted in zip(history, expected, strict=True):
        assert record["train_loss"] == pytest.approx(wanted["train_loss"], rel=1e-5)
        assert record["validation_accuracy"] == wanted["validation_accuracy"]
    assert capsys.readouterr().out.splitlines() == [
        f"finetune@mine: {rows} rows do not fit in memory beside the net: each batch of 10 is learnt in {parts} parts, "
        "their gradients added up"
        for rows, parts in ((10, 2), (5, 4))
    ]


def test_where_one_row_does_not_fit_it_says_so() -> None:
    with pytest.raises(ChainruleError, match="one row does not fit in memory: take a smaller net"):
        fit(Limited(0), images(24), images(8))


def test_another_error_is_no_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="some other reason"):
        fit(Limited(3, lambda: RuntimeError("some other reason")), images(24), images(8))


@pytest.mark.parametrize("takes", range(3, 9))
def test_killed_when_it_learns_in_parts_it_ends_the_same(takes: int, tmp_path: Path) -> None:
    whole, resumed = Limited(4), Limited(4)
    history = fit(whole, images(24), images(8))
    with pytest.raises(KilledError):
        fit(
            Limited(4), dying(takes)(images(24)), images(8),
            checkpoint=tmp_path / "checkpoint.safetensors", save_seconds=0,
        )  # fmt: skip
    again = fit(resumed, images(24), images(8), checkpoint=tmp_path / "checkpoint.safetensors", save_seconds=0)
    assert again == history
    assert same(weights(resumed), weights(whole))


def test_what_did_not_fit_is_not_tried_again_after_a_kill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KilledError):
        fit(Limited(4), dying(4)(images(24)), images(8), checkpoint=tmp_path / "it.safetensors", save_seconds=0)
    capsys.readouterr()
    fit(Limited(4), images(24), images(8), checkpoint=tmp_path / "it.safetensors", save_seconds=0)
    assert "do not fit" not in capsys.readouterr().out


class Answering(nn.Module):
    """A model that fits in memory for so many rows at once."""

    inputs = ("image",)

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.objective, self.rows = Linear(), rows

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        if len(image) > self.rows:
            raise full_machine()
        found: dict[str, Tensor] = self.objective({"image": image, "target": torch.zeros(len(image), dtype=torch.long)})
        return {"logits": found["outputs"]["logits"]}  # type: ignore[index]


def test_answers_to_a_batch_that_does_not_fit_are_given_in_parts(capsys: pytest.CaptureFixture[str]) -> None:
    expected = predict(Answering(44), images(44), 10)
    assert capsys.readouterr().out == ""
    said: list[str] = []
    found = predict(Answering(3), images(44), 10, said.append)
    np.testing.assert_allclose(found["logits"], expected["logits"], rtol=1e-4, atol=1e-6)
    assert said == [
        "10 rows do not fit in memory beside the net: each batch of 10 is taken in 2 parts",
        "5 rows do not fit in memory beside the net: each batch of 10 is taken in 4 parts",
    ]
    with pytest.raises(ChainruleError, match="one row does not fit in memory: take a smaller net"):
        predict(Answering(0), images(4), 2, said.append)


def test_l1_pulls_every_weight_of_a_matrix_towards_nothing_and_no_bias() -> None:
    settings = PLAIN | {"epochs": 1, "batch_size": 24, "schedule": "constant", "warm_up": 0.0}
    start, plain, pulled = Linear(), Linear(), Linear()
    fit(plain, images(24), images(8), **settings)
    fit(pulled, images(24), images(8), l1=0.02, **settings)
    pull = pulled.layer.weight - plain.layer.weight
    torch.testing.assert_close(pull, -0.1 * 0.02 * start.layer.weight.sign(), rtol=1e-3, atol=1e-7)
    assert torch.equal(pulled.layer.bias, plain.layer.bias)


class Breaking(Linear):
    """An objective whose loss is no number from a batch on."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.left = batch

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        found = super().forward(batch)
        if self.training:
            self.left -= 1
        return found if self.left > 0 else found | {"loss": found["loss"] * torch.nan}


@pytest.mark.parametrize("broken", range(1, 9))
def test_a_loss_that_is_no_number_is_told_with_its_batch(broken: int) -> None:
    epoch, batch = 1 + (broken - 1) // 4, 1 + (broken - 1) % 4
    with pytest.raises(ChainruleError) as raised:
        fit(Breaking(broken), images(24), images(8), gradient_clip=None, section="pretrain.training")
    assert str(raised.value).startswith(f"epoch {epoch}, batch {batch}: the loss is nan: ")
    assert str(raised.value).endswith(
        "lower pretrain.training.learning_rate (now 0.01) or set pretrain.training.gradient_clip"
    )


def test_a_rate_at_which_training_diverges_is_told() -> None:
    remedy = r"lower finetune.learning_rate \(now 1e\+38\) or set finetune.gradient_clip"
    with pytest.raises(ChainruleError, match=remedy):
        fit(Linear(), images(24), images(8), **(PLAIN | {"learning_rate": 1e38}))


def test_a_net_with_batch_norm_learns_in_parts_too() -> None:
    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.objective = small_objective()

        def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
            if len(batch["target"]) > 16:
                raise MemoryError
            found: dict[str, Any] = self.objective(batch)
            return found

    history = fit(Halves(), images(60), images(20, seed=1), epochs=8, batch_size=30, learning_rate=0.03, score=accuracy)
    assert history[-1]["validation_accuracy"] == 1.0
