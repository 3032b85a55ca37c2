"""What the model says of rows that are moved against it, by how far: pixels, numbers of a table, words of a text."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from chainrule.evaluation import primary
from chainrule.evaluation.primary import Outputs
from chainrule.evaluation.robustness import suite, words
from chainrule.system import plugins
from chainrule.training import attacks, prediction
from chainrule.training.attacks import Ball
from chainrule.training.rows import named

if TYPE_CHECKING:
    from chainrule.examination.robust import Asked

BATCH_SIZE = 128
TEXTS = 40
"""The most rows whose words are attacked: each takes as many answers as evaluate.examine.robustness.queries says."""

STRENGTHS = {
    "audio": (8.0, 32.0, 128.0, 512.0),
    "image": (2.0, 4.0, 8.0, 16.0),
    "interaction": (),
    "table": (0.1, 0.2, 0.5, 1.0),
    "text": (0.05, 0.1, 0.2),
}
"""How far rows are moved where nothing else is asked for."""
GRADIENT = 3
"""Runs of a model that its answer and the gradient of it are worth (Griewank & Walther 2008, section 4.6)."""


class Attacks(NamedTuple):
    """By attack what the model says of rows as they are and by ascending strength, and what is to be said of it.

    unit: of a strength; asked: the rows that are attacked.
    """

    unit: str
    strengths: Sequence[float]
    outputs: Mapping[str, Sequence[Outputs]]
    said: str
    asked: "Asked"


def runs(modality: str, settings: Any) -> int:
    """Return how often the attacks run the model for a row, about."""
    if settings.strengths == [] or modality not in STRENGTHS:
        return 0
    if modality == "text":
        return int(settings.queries)
    # FGSM takes one gradient and PGD some; each then asks once more.
    of_a_strength: int = GRADIENT * (1 + settings.steps) + 2
    return len(settings.strengths or STRENGTHS[modality]) * of_a_strength


def outcomes(asked: "Asked", plain: Outputs, settings: Any) -> Attacks:
    """Return the outcomes of the attacks that the modality has; plain: what is said of the rows as they are.

    A row that some strength turned stays turned at all above it, as what turned it is within their reach.
    """
    return _BY[asked.looked.card["modality"]](asked, plain, settings)


def _images(asked: "Asked", plain: Outputs, settings: Any) -> Attacks:
    strengths = sorted(settings.strengths or STRENGTHS["image"])

    def ball(images: Tensor, strength: float) -> Ball:
        return Ball(strength)

    said = (
        "Every pixel may move by so many of 255 levels: FGSM takes one step along the gradient's sign (Goodfellow et "
        f"al. 2015), PGD {settings.steps} steps from a random start (Madry et al. 2018)."
    )
    return Attacks(
        "levels of 255", strengths, _by_gradient(asked, plain, "image", ball, strengths, settings), said, asked
    )


def _sounds(asked: "Asked", plain: Outputs, settings: Any) -> Attacks:
    strengths = sorted(settings.strengths or STRENGTHS["audio"])

    def ball(sounds: Tensor, strength: float) -> Ball:
        return Ball(strength, -32768.0, 32767.0)

    said = (
        "Every sample may move by so many of the 32,768 levels of either side: FGSM takes one step along the "
        f"gradient's sign, PGD {settings.steps} steps from a random start; silence around a sound is moved as well."
    )
    found = _by_gradient(asked, plain, "audio", ball, strengths, settings)
    return Attacks("levels of 32,768", strengths, found, said, asked)


def _tables(asked: "Asked", plain: Outputs, settings: Any) -> Attacks:
    strengths = sorted(settings.strengths or STRENGTHS["table"])
    facts = asked.looked.facts
    unit, count = "standard deviations", len(facts["number"])
    if not count:
        return Attacks(unit, strengths, {}, "there is no column of numbers", asked)
    mean, std = (torch.tensor(facts[name], dtype=torch.float32) for name in ("mean", "std"))
    low, high = (
        torch.tensor([edges[end] for edges in facts["edges"]], dtype=torch.float32) * std + mean for end in (0, -1)
    )
    reach = std.clone()
    reach[count:] = 0  # parts of dates, which follow from one another

    def ball(numbers: Tensor, strength: float) -> Ball:
        # What lies outside of what training rows held stays there.
        return Ball(strength * reach, torch.fmin(low, numbers), torch.fmax(high, numbers))

    said = (
        "Every number may move by so many standard deviations of its column, within what training rows held; "
        "categories, dates and words stay, whole numbers may become fractions. FGSM takes one step, PGD "
        f"{settings.steps} steps from a random start."
    )
    return Attacks(unit, strengths, _by_gradient(asked, plain, "numbers", ball, strengths, settings), said, asked)


def _interactions(asked: "Asked", plain: Outputs, settings: Any) -> Attacks:
    return Attacks("", (), {}, "users and items are names, which cannot be moved a little", asked)


def _by_gradient(
    asked: "Asked",
    plain: Outputs,
    moves: str,
    ball: Callable[[Tensor, float], Ball],
    strengths: Sequence[float],
    settings: Any,
) -> dict[str, list[Outputs]]:
    """Return by attack and strength what is said once the input of this name is moved."""
    looked, inputs = asked.looked, asked.inputs(asked.rows)
    task = plugins.load(f"tasks.{looked.card['task']}", "model")
    objective = task.objective(looked.model, looked.card["target_facts"], inputs.target, **looked.card["objective"])
    objective.eval()
    random = torch.Generator().manual_seed(looked.seed)
    said: dict[str, list[list[Outputs]]] = {"FGSM": [], "PGD": []}
    places = inputs.order(BATCH_SIZE, None)
    for index in places:
        batch = inputs.take(index, None)
        given = batch[moves].float()

        def loss(moved: Tensor, batch: dict[str, Tensor] = batch) -> Tensor:
            found: Tensor = objective({**batch, moves: moved})["loss"]
            return found

        start = None
        one, several = [], []
        for strength in strengths:
            within = ball(given, strength)
            one.append(_answer(looked.model, {**batch, moves: attacks.fgsm(loss, given, within)}))
            start = attacks.drawn(given, within, random) if start is None else start
            start = attacks.pgd(loss, given, within, steps=settings.steps, start=start)
            several.append(_answer(looked.model, {**batch, moves: start}))
        said["FGSM"].append(one)
        said["PGD"].append(several)
    back = torch.cat(places).argsort().numpy()
    return {
        name: _worst(
            asked,
            plain,
            [
                {key: np.concatenate([part[at][key] for part in parts])[back] for key in plain}
                for at in range(len(strengths))
            ],
        )
        for name, parts in said.items()
    }


@torch.no_grad()
def _answer(model: Any, batch: Mapping[str, Tensor]) -> Outputs:
    found = model(**{name: batch[name] for name in model.inputs})
    said = prediction.kept(model, {name: tensor.float() for name, tensor in found.items()})
    return {name: tensor.numpy() for name, tensor in said.items()}


def _worst(asked: "Asked", plain: Outputs, by_strength: Sequence[Outputs]) -> list[Outputs]:
    """Return what is said of rows as they are and then, by strength, the worst of each row so far."""
    measure = asked.looked.measure
    every, name = range(len(asked.rows)), measure.PRIMARY.name
    kept, score = plain, _by_row(asked, plain, every, name)
    found = [kept]
    for outputs in by_strength:
        now = _by_row(asked, outputs, every, name)
        worse = primary.gain(measure.PRIMARY, now, score) < 0
        score = np.where(worse, now, score)
        kept = {key: np.where(_along(worse, array), outputs[key], array) for key, array in kept.items()}
        found.append(kept)
    return found


def _along(rows: np.ndarray, array: np.ndarray) -> np.ndarray:
    return rows.reshape(-1, *[1] * (array.ndim - 1))


def _by_row(asked: "Asked", outputs: Outputs, index: Sequence[int], name: str) -> np.ndarray:
    """Return a metric of each single row [n]; NaN where one row cannot tell it. index: whose targets they have."""
    looked = asked.looked
    statistics = looked.measure.statistics(outputs, asked.target[list(index)], looked.card["target_facts"])
    dense = statistics if isinstance(statistics, np.ndarray) else statistics.toarray()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(looked.measure.metrics(dense, looked.card["target_facts"])[name], np.float64)


def _texts(asked: "Asked", plain: Outputs, settings: Any) -> Attacks:
    strengths = sorted(settings.strengths or STRENGTHS["text"])
    looked, fields, measure = asked.looked, named(asked.looked.card, "input"), asked.looked.measure
    few = asked._replace(rows=asked.rows.iloc[:TEXTS], target=asked.target[:TEXTS])
    before = {field: few.rows[field].tolist() for field in fields}
    graded = "log_loss" if "log_loss" in {score.name for score in measure.SCORES} else measure.PRIMARY.name

    def ask(index: Sequence[int], texts: Sequence[words.Texts]) -> Outputs:
        made = {
            field: suite.cleaned(
                [row[place] for row in texts], [before[field][row] for row in index], "text", looked.normalise
            )
            for place, field in enumerate(fields)
        }
        return few.answers(few.rows.iloc[list(index)].assign(**made))

    def right(index: Sequence[int], outputs: Outputs) -> np.ndarray:
        if not hasattr(measure, "right"):
            return np.ones(len(index), bool)
        return np.asarray(measure.right(outputs, few.target[list(index)], looked.card["target_facts"]))

    found = words.attacked(
        list(zip(*before.values(), strict=True)),
        ask,
        lambda index, outputs: _by_row(few, outputs, index, graded),
        right,
        shares=strengths,
        queries=settings.queries,
        seed=looked.seed,
    )
    said = (
        f"Of {len(few.rows)} rows so large a share of the words is left out, swapped or mistyped, the most important "
        f"ones first, one at least, by at most {settings.queries} questions a row (after Jin et al. 2020). What a "
        "person reads out of the text may change, too, where a word is left out."
    )
    first = {name: array[:TEXTS] for name, array in plain.items()}
    return Attacks("share of words", strengths, {"words": [first, *found]}, said, few)


_BY: Mapping[str, Callable[["Asked", Outputs, Any], Attacks]] = {
    "audio": _sounds,
    "image": _images,
    "interaction": _interactions,
    "table": _tables,
    "text": _texts,
}
