"""What a model under its floor is advised to try: each for its own reason, and not without it."""

from typing import Any

import pytest
import yaml

from chainrule.evaluation.advice import BASES, advice
from chainrule.recipes.check import find_mistakes


def course(losses: list[tuple[float, float]]) -> list[dict[str, Any]]:
    """Records of a training's epochs from their losses, of training and validation; those of before come first."""
    least = float("inf")
    epochs: list[dict[str, Any]] = [
        {"phase": "pretrain", "epoch": 1, "train_loss": 9.0, "validation_loss": 9.0, "best": True}
    ]
    for number, (train, validation) in enumerate(losses, 1):
        best, least = validation <= least, min(least, validation)
        record = {"train_loss": train, "validation_loss": validation, "best": best}
        epochs.append({"phase": "finetune", "epoch": number, **record})
    return epochs


CONVERGED = course([(0.7, 0.7), (0.3, 0.4), (0.2, 0.41)])


def tried(**changes: Any) -> str:
    known: dict[str, Any] = {"modality": "text", "base": "huggingface", "rows": 5000, "parameters": 20_000_000}
    return "; ".join(advice("films", **({"history": CONVERGED} | known | changes)))


def test_without_a_reason_there_is_still_something_to_try() -> None:
    assert tried() == "more labelled rows, or a base whose rows were more like these"


@pytest.mark.parametrize("modality", ["image", "text"])
def test_from_nothing_a_base_is_named_with_lines_that_the_check_takes(modality: str) -> None:
    assert BASES[modality] in tried(base="nothing", modality=modality, parameters=1000)
    assert "pretrained" not in tried(modality=modality)
    base, net = (yaml.safe_load(line) for line in BASES[modality].strip("`").split("` with `"))
    source = {"kind": "image_folder" if modality == "image" else "delimited", "path": "data/films"}
    recipe = {
        "task": f"{modality}_classification", "modality": modality, "target": "label", "seed": 1, "source": source,
        "incoming": {"kind": source["kind"]}, "clean": {}, "split": {}, "augment": {}, **base, **net,
        "pretrain": {"objective": {"name": "none"}}, "finetune": {"strategy": {"name": "full"}}, "evaluate": {},
        "export": {},
    }  # fmt: skip
    assert find_mistakes({"recipes": {"films": recipe}}) == []


def test_a_net_that_is_large_for_its_rows_is_to_be_simpler_but_not_a_base() -> None:
    said = "a simpler net: this one has 2,000,000 weights to learn from 5,000 rows"
    assert said in tried(base="nothing", parameters=2_000_000)
    assert "simpler" not in tried(base="nothing", parameters=100_000) + tried()


def test_few_rows_are_counted() -> None:
    assert tried(rows=200) == "more labelled rows: it learned from 200"


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([(0.7, 0.7)], "more `finetune.epochs`: it had 1"),
        ([(0.7, 0.7), (0.5, 0.6), (0.4, 0.5)], "more `finetune.epochs`: the last of 3 was the best"),
        (
            [(0.693, 0.693), (0.693, 0.692), (0.692, 0.691)],
            "another `finetune.learning_rate`: the training loss hardly",
        ),
        ([(0.7, 0.6), (0.3, 0.5), (0.1, 0.9)], "fewer `finetune.epochs`, `finetune.strategy: {name: head_only}`"),
    ],
)
def test_the_course_of_the_losses_is_read(losses: list[tuple[float, float]], said: str) -> None:
    assert tried(history=course(losses)).startswith(said)


def test_without_a_base_a_head_alone_would_learn_nothing() -> None:
    said = tried(history=course([(0.7, 0.6), (0.3, 0.5), (0.1, 0.9)]), base="nothing")
    assert "by heart, the validation loss rose after epoch 2 of 3" in said and "head_only" not in said
