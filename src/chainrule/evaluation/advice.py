"""What to try with a model under its floor, by what is known of its training: sentences, the likeliest help first."""

from collections.abc import Mapping, Sequence
from typing import Any

BASES = {
    "continuation": "`base: {from: huggingface, name: openai-community/gpt2}` with `net: {name: transformers}`",
    "image": "`base: {from: timm, name: tf_efficientnet_lite0.in1k}` with `net: {name: timm}`",
    "text": "`base: {from: huggingface, name: sentence-transformers/all-MiniLM-L6-v2}` with "
    "`net: {name: transformers}`",
}
"""A base of each modality that there is one for, as a recipe names it; of texts that go on one that does so."""
FEW_ROWS = 1000
LARGE = 100
"""More weights for a training row than this, drawn at random, are more than the rows can set."""
MOVED = 0.02
"""The share of its first training loss that a loss must have lost to have moved."""
ROSE = 0.05
"""The share of its least by which a validation loss must have risen afterwards to have risen."""


def advice(
    recipe: str, modality: str, base: str, rows: int, parameters: int, history: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return what to try, at least one sentence.

    modality: that of the inputs, or continuation for texts that go on and neighbours for word vectors; base: what
    training started from (`from` of its card); rows: of training; parameters: of the model; history: records of the
    training's epochs (phase, epoch, train_loss, validation_loss, best; validation_calibrated_loss where that chose the
    epoch).
    """
    epochs = [record for record in history if record["phase"] == "finetune"]
    from_nothing = base == "nothing"
    found = list(_of_course(recipe, epochs, from_nothing))
    if modality == "neighbours":
        found.append("more texts, from which the words' neighbours are learnt; they need no labels")
    if from_nothing and modality in BASES:
        found.append(f"start from pretrained weights: {BASES[modality]}")
    if from_nothing and parameters > LARGE * rows:
        found.append(f"a simpler net: this one has {parameters:,} weights to learn from {rows:,} rows")
    if rows < FEW_ROWS and modality != "neighbours":
        found.append(f"more labelled rows: it learned from {rows:,}")
    return found or ["more labelled rows, or a base whose rows were more like these"]


def _of_course(recipe: str, epochs: Sequence[Mapping[str, Any]], from_nothing: bool) -> Any:
    """Yield what the course of the losses says."""
    if len(epochs) < 2:
        if epochs:
            yield "more `finetune.epochs`: it had 1"
        return
    first, last = epochs[0], epochs[-1]
    best = next(record for record in reversed(epochs) if record["best"])
    decided = next(name for name in ("validation_calibrated_loss", "validation_loss") if name in last)
    if first["train_loss"] - last["train_loss"] < MOVED * abs(first["train_loss"]):
        yield (
            f"another `finetune.learning_rate`: the training loss hardly moved, {first['train_loss']:.3g} to "
            f"{last['train_loss']:.3g}; `chainrule rates {recipe}` tries them"
        )
    elif best["epoch"] == last["epoch"]:
        yield f"more `finetune.epochs`: the last of {len(epochs)} was the best"
    elif last[decided] - best[decided] > ROSE * abs(best[decided]):
        fewer = "more `finetune.weight_decay` or dropout in the net"
        if not from_nothing:
            fewer = "`finetune.strategy: {name: head_only}`, or more `finetune.weight_decay`"
        yield (
            f"fewer `finetune.epochs`, {fewer}: it learned its rows by heart, the validation loss rose after epoch "
            f"{best['epoch']} of {len(epochs)}"
        )
