from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from chainrule.evaluation.figures import beside, curves
from chainrule.evaluation.figures import label as figures
from chainrule.evaluation.scores import label
from label_scores import classification_scores

SHOWN = [score for name in figures.BESIDE for score in label.SCORES if score.name == name]


def simulated(classes: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    random = np.random.default_rng(0)
    labels = random.integers(0, classes, 300)
    logits = random.normal(size=(300, classes))
    logits[np.arange(300), labels] += 2
    powers = np.exp(logits)
    return (
        labels,
        powers / powers.sum(axis=1, keepdims=True),
        # What matplotlib would read as a formula that is none, and letters that its own font does not have.
        [f"$\\frac{number}$<" if number % 2 else f"评价 {number}" for number in range(classes)],
    )


def epoch(phase: str, number: int, accuracy: float | None) -> dict[str, Any]:
    return {
        "phase": phase, "epoch": number, "train_loss": 1 / number, "validation_loss": 1.2 / number,
        "validation_accuracy": accuracy, "learning_rate": 1e-3 / number,
    }  # fmt: skip


def drawings(classes: int) -> dict[str, Callable[[Path], None]]:
    labels, probabilities, names = simulated(classes)
    scores = classification_scores(labels, probabilities, names, groups=None, resamples=5, seed=0)
    history = [epoch("pretrain", 1, None), epoch("pretrain", 2, None), epoch("finetune", 1, 0.5)]
    return {
        "confusion": lambda path: figures.confusion_matrix(labels, probabilities.argmax(axis=1), names, path),
        "roc": lambda path: figures.roc_curves(labels, probabilities, names, path),
        "reliability": lambda path: figures.reliability_diagram(labels, probabilities, path),
        "curves": lambda path: curves.learning_curves(history, label.PRIMARY, path),
        "floors": lambda path: beside.scores_beside_floors(SHOWN, scores, {"naive_bayes": scores}, path),
    }


@pytest.mark.parametrize("kind", ["confusion", "roc", "reliability", "curves", "floors"])
def test_the_same_numbers_give_the_same_png_without_version_or_time(kind: str, tmp_path: Path) -> None:
    draw = drawings(10)[kind]
    draw(tmp_path / "one.png")
    draw(tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with Image.open(tmp_path / "one.png") as image:
        assert not {"Software", "Creation Time"} & set(image.info)
        assert min(image.size) > 300


@pytest.mark.filterwarnings("error:Glyph")  # matplotlib's warning of a box in place of a letter
@pytest.mark.parametrize("classes", [2, 102])
def test_few_and_many_classes_can_be_drawn_in_a_window(classes: int, tmp_path: Path) -> None:
    for kind, draw in drawings(classes).items():
        draw(tmp_path / f"{kind}.png")
        assert (tmp_path / f"{kind}.png").stat().st_size > 3000
        with Image.open(tmp_path / f"{kind}.png") as image:
            assert image.width <= 900, "`dvc plots show` clips what is wider than the window"


def test_undefined_scores_and_single_classes_are_left_blank_not_fatal(tmp_path: Path) -> None:
    labels, probabilities = np.zeros(5, np.int64), np.tile([0.9, 0.1], (5, 1))
    scores = classification_scores(labels, probabilities, ["a", "b"], groups=None, resamples=5, seed=0)
    beside.scores_beside_floors(SHOWN, scores, {}, tmp_path / "floors.png")
    figures.roc_curves(labels, probabilities, ["a", "b"], tmp_path / "roc.png")
    figures.confusion_matrix(labels, labels, ["a", "b"], tmp_path / "confusion.png")
    assert len(list(tmp_path.iterdir())) == 3


def test_learning_curves_ring_the_epoch_that_is_kept_not_the_best_accuracy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = [
        epoch("finetune", 1, 0.7) | {"validation_loss": 0.6, "best": True},
        epoch("finetune", 2, 0.8) | {"validation_loss": 0.4, "best": True},
        epoch("finetune", 3, 0.9) | {"validation_loss": 0.5, "best": False},
    ]
    drawn: list[Figure] = []
    monkeypatch.setattr(figures.style, "save", lambda figure, path: drawn.append(figure))
    curves.learning_curves(history, label.PRIMARY, tmp_path / "curves.png")
    loss, accuracy, _ = drawn[0].axes
    for axes, value in ((loss, 0.4), (accuracy, 0.8)):
        (ring,) = (line for line in axes.lines if line.get_markerfacecolor() == "none")
        assert ring.get_xydata().tolist() == [[2, value]]
    assert "validation\nkept: 80.0%\nof epoch 2" in [text.get_text() for text in accuracy.texts]


def test_histories_without_validation_are_drawn_and_empty_ones_refused(tmp_path: Path) -> None:
    bare = epoch("finetune", 1, None) | {"validation_loss": None}
    curves.learning_curves([bare], label.PRIMARY, tmp_path / "bare.png")
    assert (tmp_path / "bare.png").exists()
    with pytest.raises(ValueError, match="epoch"):
        curves.learning_curves([], label.PRIMARY, tmp_path / "none.png")
