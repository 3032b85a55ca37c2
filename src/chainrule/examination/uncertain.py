"""How sure the model is: what it errs where it is sure, what sets of labels hold, whether it sees foreign rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from chainrule.evaluation import page
from chainrule.evaluation.gradients import vector
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.scores.label import probabilities
from chainrule.evaluation.shown import Table, Word
from chainrule.evaluation.uncertainty import conformal, mc_dropout, out_of_distribution, selection
from chainrule.examination import features as of_model
from chainrule.examination.looked import Looked
from chainrule.serving.padding import filled
from chainrule.system import plugins
from chainrule.training import prediction, rows

BATCH_SIZE = 256
HALVINGS = 20
FEWEST = 20  # rows below which a share says nothing
GROUPS = 4
FOREIGN, KNOWN = 200, 1000  # most rows that are made foreign, and training rows that distances are measured to
DROPPED = 50  # most right rows, and most wrong ones, that dropout is asked about
ERRORS = 5


def unsure(looked: Looked) -> Part | None:
    """Return how often the model errs when it answers only the surest rows; None of answers without a likeliest."""
    found = _chances(looked)
    if found is None:
        return None
    chances, right = found
    confidence = chances.max(axis=1)
    answered, wrong = selection.curve(confidence, right)
    limit = selection.fit(confidence, right, looked.asked.risk)
    numbers: dict[str, Any] = {"area": selection.area(confidence, right), "wrong": float((~right).mean())}
    said = f"Answering every row the model is wrong in {numbers['wrong']:.1%}."
    if limit is None:
        said += f" No number of the surest rows proves that at most {looked.asked.risk:.0%} of answers are wrong."
    else:
        numbers |= {"unsure_below": limit, **selection.at(confidence, right, limit)}
        risk = "none" if not numbers["risk"] else f"{numbers['risk']:.1%}"
        said += (
            f" From a probability of {limit:.3f} on it answers {numbers['answered']:.1%} of the rows, {risk} of these "
            f"wrong. Of such answers to rows like these at most {looked.asked.risk:.0%} are wrong, with 95% certainty."
        )
    body = f'<p>{said}</p><div class="scroll">{_curve(answered, wrong, numbers)}</div>'
    return Part("Sure enough?", body + _note("On validation rows, which also drew the line."), numbers)


def _curve(answered: np.ndarray, wrong: np.ndarray, numbers: dict[str, Any]) -> str:
    """Return the curve as a picture: how many are wrong, upwards, of the surest so many, from left to right."""
    left, top, width, height = 48.0, 14.0, 420.0, 190.0
    most = max(float(wrong.max()), 0.01)

    def at(share: float, risk: float) -> tuple[float, float]:
        return left + width * share, top + height * (1 - risk / most)

    places = np.unique(np.linspace(0, len(wrong) - 1, 200).astype(int))
    parts = [
        vector.line([at(0, 0), at(1, 0)], "rule"),
        vector.line([at(0, 0), at(0, most)], "rule"),
        vector.line([at(float(answered[place]), float(wrong[place])) for place in places], "line"),
        *(vector.text(*_below(at(share, 0)), f"{share:.0%}", "faint", "middle") for share in (0, 0.25, 0.5, 0.75, 1)),
        *(vector.text(left - 6, at(0, risk)[1] + 4, f"{risk:.1%}", "faint", "end") for risk in (0, most / 2, most)),
        vector.text(left + width / 2, top + height + 34, "share of rows answered, the surest first", "faint", "middle"),
    ]
    if "answered" in numbers:
        spot = at(numbers["answered"], numbers["risk"] or 0)
        parts.append(vector.dot(*spot, f"{numbers['answered']:.1%} answered"))
    said = f"Share of wrong answers against the share of rows answered, from {wrong[0]:.1%} to {wrong[-1]:.1%}"
    return vector.picture(left + width + 24, top + height + 44, said, parts)


def _below(spot: tuple[float, float]) -> tuple[float, float]:
    return spot[0], spot[1] + 16


def sets(looked: Looked) -> Part | None:
    """Return what conformal sets hold, drawn by one half of the validation groups and looked at on the other."""
    found = _chances(looked)
    if found is None:
        return None
    chances, _ = found
    groups = looked.rows["group"].to_numpy()
    known = np.unique(groups)
    if len(known) < GROUPS:
        raise NotShownError(f"sets of labels: {len(known)} groups are too few to draw lines by one half of them")
    halves = [_half(groups, known, looked.seed + turn) for turn in range(HALVINGS)]
    numbers = {
        method: _held(chances, looked.target, halves, looked.asked.share, method) for method in conformal.METHODS
    }
    lines = [
        (Word(method), f"{found['coverage']:.1%}", f"{found['size']:.2f}", f"{found['single']:.1%}")
        for method, found in numbers.items()
    ]
    heads = (Word("sets"), "hold the true label", "labels on average", "of one label")
    asked = f"{looked.asked.share:.0%} asked for; the mean of {HALVINGS} draws of half of {len(known):,} groups."
    more = (
        "The likeliest label is in every set: a model that is right more often than was asked for has no smaller ones."
    )
    return Part("Sets of labels", page.table(Table("", heads, lines, (f"{asked} {more}",))), numbers)


def _half(groups: np.ndarray, known: np.ndarray, seed: int) -> np.ndarray:
    """Return which rows, bool [N], are of a half of the groups that a seed draws."""
    return np.isin(groups, np.random.default_rng(seed).permutation(known)[: len(known) // 2])


def _held(
    chances: np.ndarray, target: np.ndarray, halves: list[np.ndarray], share: float, method: str
) -> dict[str, float]:
    """Return what sets are worth on one half by lines of the other, the mean over halves."""
    found = []
    for half in halves:
        limit = conformal.fit(chances[half], target[half], share, method)
        found.append(conformal.coverage(conformal.sets(chances[~half], limit, method), target[~half]))
    return {name: float(np.mean([each[name] for each in found])) for name in found[0]}


def foreign(looked: Looked) -> Part:
    """Return how well rows that are none of the recipe's are told from those that are: by energy and by distance."""
    kind = plugins.load("evaluation.uncertainty.foreign", looked.card["modality"])
    if hasattr(kind, "TOLD"):
        raise NotShownError(kind.TOLD)
    energy = plugins.load("evaluation.uncertainty", looked.card["target"]).ENERGY
    training = looked.train.sample(min(KNOWN, len(looked.train)), random_state=looked.seed)
    learnt = rows.to_inputs(training, looked.card, looked.facts, None)
    if min(len(looked.rows), len(training)) < FEWEST:
        raise NotShownError(f"foreign rows: {FEWEST} training and validation rows are needed to say what is known")
    _, known = _asked(looked, list(_batches(learnt, _names(looked), _of_all_lengths(learnt, KNOWN))))
    own = list(_batches(looked.inputs, _names(looked), _of_all_lengths(looked.inputs, FOREIGN)))
    outputs, features = _asked(looked, own)
    generator = torch.Generator().manual_seed(looked.seed)
    made: dict[str, list[dict[str, torch.Tensor]]] = {}
    for batch in own:
        for name, inputs in kind.kinds(batch, looked.facts, generator).items():
            made.setdefault(name, []).append(inputs)

    def strange(outputs: dict[str, np.ndarray], features: np.ndarray) -> dict[str, np.ndarray]:
        by = {"energy": energy(outputs["logits"])} if energy else {}
        return {**by, "distance": out_of_distribution.distance(features, known)}

    usual = strange(outputs, features)
    limits = {name: out_of_distribution.limit(each, looked.asked.alarms) for name, each in usual.items()}
    numbers: dict[str, dict[str, dict[str, float]]] = {}
    for name, batches in made.items():
        found = strange(*_asked(looked, batches))
        numbers[name] = {by: out_of_distribution.detection(found[by], usual[by], limits[by]) for by in usual}
    heads = (Word("rows"), *(f"{what} by {by}" for by in usual for what in ("seen", "ROC area")))
    lines = [
        (Word(name), *(cell for by in usual for cell in (f"{of[by]['detected']:.1%}", f"{of[by]['auroc']:.3f}")))
        for name, of in numbers.items()
    ]
    note = (
        f"Seen: beyond a line that {looked.asked.alarms:.0%} of {len(features):,} validation rows pass. The energy is "
        f"in every answer of a server; the distance is to the {out_of_distribution.NEAREST}th nearest of "
        f"{len(known):,} training rows by the net's features. Other kinds of foreign rows may not be seen."
    )
    return Part("Foreign rows", page.table(Table("", heads, lines, (note,))), numbers)


def dropout(looked: Looked) -> Part | None:
    """Return how well doubt tells wrong rows from right ones, plain and with dropout at work; None of a number."""
    said = _chances(looked)
    if said is None or not looked.settings.passes:
        return None
    if not mc_dropout.dropouts(looked.model):
        raise NotShownError("the net has no dropout, and says the same of a row whenever it is asked")
    chances, right = said
    if min(right.sum(), (~right).sum()) < ERRORS:
        raise NotShownError(f"dropout: {(~right).sum()} of {len(right)} rows are wrong; {ERRORS} of each are needed")
    # How many of each there are changes nothing in an area under ROC.
    places = np.concatenate([_spread(np.flatnonzero(each), DROPPED) for each in (right, ~right)])
    right, wrong = right[places], int((~right[places]).sum())
    batches = list(_batches(looked.inputs, _names(looked), places))
    asked = mc_dropout.drawn(
        looked.model,
        lambda: probabilities(_asked(looked, batches)[0]),
        looked.settings.passes,
        looked.seed,
    )
    predictive, mutual = mc_dropout.entropies(asked)
    doubts = {
        "probability of the likeliest label": -chances[places].max(axis=1),
        "predictive entropy": predictive,
        "mutual information": mutual,
    }
    numbers = {
        name: out_of_distribution.detection(of[~right], of[right], np.inf)["auroc"] for name, of in doubts.items()
    }
    lines = [(Word(name), f"{area:.3f}") for name, area in numbers.items()]
    note = (
        f"How often the more doubtful of two rows is the wrong one, over {wrong} wrong and {len(right) - wrong} right "
        f"rows; 0.5 is chance. Entropy and information are of {looked.settings.passes} passes with dropout at work, "
        "batch norms as they are. Information is what more rows could teach, the rest of the entropy is the rows' own."
    )
    return Part("Dropout", page.table(Table("", (Word("doubt by"), "ROC area"), lines, (note,))), numbers)


def _chances(looked: Looked) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the probabilities [N, C] of labels that exclude one another and which rows are right; else None."""
    if not plugins.load("evaluation.uncertainty", looked.card["target"]).EXCLUSIVE:
        return None
    chances = probabilities(looked.outputs)
    return chances, chances.argmax(axis=1) == looked.target


def _names(looked: Looked) -> tuple[str, ...]:
    names: tuple[str, ...] = looked.model.inputs  # type: ignore[assignment]
    return names


def _spread(places: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many of these places, evenly spread."""
    return np.asarray(places[np.linspace(0, len(places) - 1, min(most, len(places))).astype(int)])


def _of_all_lengths(inputs: prediction.Inputs, most: int) -> np.ndarray:
    """Return at most so many rows, from the shortest to the longest."""
    return _spread(torch.cat(inputs.order(BATCH_SIZE, None)).numpy(), most)


def _batches(
    inputs: prediction.Inputs, names: tuple[str, ...], places: np.ndarray
) -> Iterator[dict[str, torch.Tensor]]:
    """Yield the inputs by name of the rows at these places."""
    for part in torch.split(torch.from_numpy(places), BATCH_SIZE):
        batch = inputs.take(part, None)
        yield {name: batch[name] for name in names}


@torch.no_grad()
def _asked(looked: Looked, batches: list[dict[str, torch.Tensor]]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return outputs by name and features [N, D] of batches, in their order: what a head is given if there is one."""
    if not hasattr(looked.model, "head"):
        return _told(looked, batches)
    given: list[torch.Tensor] = []
    head: Any = looked.model.head
    hook = head.register_forward_pre_hook(lambda _, found: given.append(found[0].float().cpu()))
    where = next(looked.model.parameters()).device
    try:
        said = [looked.model(**prediction.to_device(batch, where)) for batch in batches]
    finally:
        hook.remove()
    outputs = {name: filled([each[name].float().cpu().numpy() for each in said]) for name in said[0]}
    seen = [of_model.of_rows(each, batch) for each, batch in zip(given, batches, strict=True)]
    return outputs, torch.cat(seen).numpy()


def _told(looked: Looked, batches: list[dict[str, torch.Tensor]]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return outputs by name and features [N, D] of a model without a head, which tells them itself."""
    model: Any = looked.model
    where = next(model.parameters()).device
    given = [prediction.to_device(batch, where) for batch in batches]
    said = [prediction.kept(model, model(**batch)) for batch in given]
    outputs = {name: filled([each[name].float().cpu().numpy() for each in said]) for name in said[0]}
    return outputs, torch.cat([model.features(**batch).float().cpu() for batch in given]).numpy()


def _note(words: str) -> str:
    return f'<p class="note">{words}</p>'
