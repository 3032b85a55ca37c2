"""Naive Bayes beside a net for texts: what counting tokens and pairs of neighbours tells of a class.

Wang and Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification",
https://aclanthology.org/P12-2018/, sections 2.1 and 2.4: of short texts counting is hard to beat, and a model that is
mixed with it better than either. Here it is mixed after the training, as much as validation rows are told best: learnt
along, the net would learn nothing of training rows that the counts, being theirs, know already.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from chainrule.evaluation.calibration import fit_mixture
from chainrule.training.prediction import Inputs

PLACES = "counted_pairs"
"""What a target's facts call the places of the table of pairs of a model that has counts."""
SMOOTHING = 1.0
_ROWS = 2
"""A pair is known that so many training rows have: what one row has says nothing of others."""
_FACTOR = 1_000_003
_LEAST, _MOST = 1 << 10, 1 << 20
"""Places of the table of pairs."""
_TOGETHER = 16_384
"""Rows that are counted at once."""


class NaiveBayes(nn.Module):
    """What each token and each pair of neighbours says of the classes, added up over a text and weighed.

    Pairs are found by their hash; each place of their table knows which pair it is of, and says nothing of others.
    """

    keys: Tensor
    weight: Tensor

    def __init__(self, vocabulary: int, places: int, classes: int) -> None:
        """Hold a table of nothing: of tokens [vocabulary, classes], of pairs [places, classes]."""
        super().__init__()
        self.vocabulary, self.places = vocabulary, places
        self.ratios = nn.Parameter(torch.zeros(vocabulary + places, classes), requires_grad=False)
        self.register_buffer("keys", torch.full((places,), -1))
        self.register_buffer("weight", torch.ones(()))
        self.told = nn.Identity()  # where an explanation finds what each token says

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return what a text says of each class [B, C], of ids and mask int64 [B, T], or [B, W, T] in windows."""
        ids, mask = (each.reshape(-1, each.shape[-1]) for each in (input_ids, attention_mask))
        said: Tensor = self.told(self._of_tokens(ids, mask.to(self.ratios.dtype)))
        return self.weight * said.sum(dim=1).reshape(input_ids.shape[0], -1, said.shape[-1]).sum(dim=1)

    def _of_tokens(self, ids: Tensor, real: Tensor) -> Tensor:
        """Return what each token says [B, T, C]: by itself, and half of each pair that it is one of."""
        following = functional.pad(ids[:, 1:], (0, 1))
        both = real * functional.pad(real[:, 1:], (0, 1))
        place = hashed(ids, following, self.places)
        known = both * (self.keys[place] == ids * self.vocabulary + following).to(both.dtype)
        pairs = self.ratios[self.vocabulary + place] * known.unsqueeze(-1) / 2
        return self.ratios[ids] * real.unsqueeze(-1) + pairs + functional.pad(pairs[:, :-1], (0, 0, 1, 0))


def hashed(first: Tensor, second: Tensor, places: int) -> Tensor:
    """Return the place of each pair of tokens, int64, in a table of so many."""
    return (first * _FACTOR + second) % places


def beside(
    model: nn.Module,
    inputs: Inputs,
    validation: Inputs,
    logits: np.ndarray,
    facts: Mapping[str, Any],
    target: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Put naive Bayes of the training rows beside a trained model; return the target's facts and what was found.

    inputs: training rows as they are, without altered copies. logits [N, C]: what the net says of the validation rows,
    not calibrated; its temperature and the weight of the counts are those with the least loss of these rows.
    """
    found = of_rows(inputs, facts["vocabulary"], facts["special_ids"], len(target["classes"]))
    model.counted = found.to(next(model.parameters()).device)
    labels = validation.target.numpy()  # type: ignore[attr-defined]
    temperature, weight = fit_mixture(logits, _said(found, validation), labels)
    model.get_buffer("temperature").fill_(temperature)
    found.weight.fill_(weight)
    said = {"temperature": round(temperature, 6), "naive_bayes": round(weight, 6)}
    return {**target, PLACES: found.places}, said


@torch.no_grad()
def of_rows(inputs: Inputs, vocabulary: int, special_ids: list[int], classes: int) -> NaiveBayes:
    """Return the counts of rows: how many rows of each class have a token, or a pair, not how often one has it."""
    tokens = torch.zeros(vocabulary, classes)
    keys, pairs = torch.empty(0, dtype=torch.int64), torch.empty(0, classes)
    for index in torch.split(torch.arange(len(inputs)), _TOGETHER):
        batch = inputs.take(index, None)
        ids, real = batch["input_ids"], batch["attention_mask"].bool()
        of_class = batch["target"]
        once, at = _once(ids, real, of_class, vocabulary)
        tokens.index_put_((once, at), torch.ones(len(once)), accumulate=True)
        both = real[..., :-1] & real[..., 1:]
        once, at = _once(ids[..., :-1] * vocabulary + ids[..., 1:], both, of_class, vocabulary**2)
        keys, pairs = _merged(keys, pairs, once, at)
    often = pairs.sum(dim=1)
    order = often.argsort(descending=True, stable=True)[: min(int((often >= _ROWS).sum()), _MOST // 4)]
    places = max(_LEAST, 1 << (4 * len(order) - 1).bit_length()) if len(order) else _LEAST
    found = NaiveBayes(vocabulary, places, classes)
    tokens[special_ids] = 0
    _fill(found, tokens, keys[order], pairs[order])
    return found


def _once(grams: Tensor, there: Tensor, of_class: Tensor, kinds: int) -> tuple[Tensor, Tensor]:
    """Return each different gram of each row [B, …], one of so many kinds, once, and the class of its row."""
    row = torch.arange(len(grams)).view(-1, *[1] * (grams.ndim - 1)).expand_as(grams)
    found = torch.unique(row[there] * kinds + grams[there])
    return found % kinds, of_class[found // kinds]


def _merged(keys: Tensor, counts: Tensor, more: Tensor, of_class: Tensor) -> tuple[Tensor, Tensor]:
    """Return keys, sorted, and how often each was seen with each class, [K, C], with one more for each of `more`."""
    found, place = torch.unique(torch.cat([keys, more]), return_inverse=True)
    total = torch.zeros(len(found), counts.shape[1])
    total[place[: len(keys)]] = counts
    total.index_put_((place[len(keys) :], of_class), torch.ones(len(more)), accumulate=True)
    return found, total


def _fill(found: NaiveBayes, tokens: Tensor, keys: Tensor, pairs: Tensor) -> None:
    """Write the logarithms of the likelihoods, less their mean over the classes; of what no row has, nothing.

    Of pairs with one place the first keeps it.
    """
    place = hashed(keys // found.vocabulary, keys % found.vocabulary, found.places)
    first = torch.full((found.places,), len(keys)).scatter_reduce(0, place, torch.arange(len(keys)), "amin")
    kept = first[first < len(keys)]
    counts = torch.cat([tokens, torch.zeros(found.places, tokens.shape[1])])
    counts[found.vocabulary + place[kept]] = pairs[kept]
    found.keys[place[kept]] = keys[kept]
    seen = counts.sum(dim=1) > 0
    likelihood = (counts + SMOOTHING).log() - (counts.sum(dim=0) + SMOOTHING * seen.sum()).log()
    found.ratios.copy_((likelihood - likelihood.mean(dim=1, keepdim=True)) * seen.unsqueeze(1))


@torch.no_grad()
def _said(found: NaiveBayes, inputs: Inputs) -> np.ndarray:
    """Return what the counts say of each row [N, C], in row order."""
    device = found.ratios.device
    said = []
    for index in torch.split(torch.arange(len(inputs)), 1024):
        batch = inputs.take(index, None)
        said.append(found(batch["input_ids"].to(device), batch["attention_mask"].to(device)).cpu())
    return torch.cat(said).numpy()
