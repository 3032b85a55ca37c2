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

TABLE = "counted"
"""What a target's facts call the sizes of the tables of a model that has counts: `pairs` and `places`."""
SMOOTHING = 1.0
_ROWS = 2
"""A pair is known that so many training rows have: what one row has says nothing of others."""
_FACTOR = 1_000_003
_SPARSE = 8
"""Places for each pair, at least, of the table by which pairs are found: of those with one place one is kept."""
_PAIRS, _NUMBERS = 1 << 18, 1 << 24
"""The most pairs that are known, and the most numbers that say what they tell of the classes."""
_BATCH = 64
_AT_ONCE = 1 << 22
"""Tokens and pairs of so many are gathered before they are counted."""


class NaiveBayes(nn.Module):
    """What each token and each pair of neighbours says of the classes, added up over a text and weighed.

    Pairs are found by their hash; what is found there knows which pair it is of, and says nothing of others.
    """

    ratios: Tensor
    keys: Tensor
    found_at: Tensor
    weight: Tensor

    def __init__(self, vocabulary: int, pairs: int, places: int, classes: int) -> None:
        """Hold tables of nothing: of each token, then each pair, `ratios` [vocabulary + pairs, classes]."""
        super().__init__()
        self.vocabulary = vocabulary
        self.register_buffer("ratios", torch.zeros(vocabulary + pairs, classes))
        self.register_buffer("keys", torch.full((pairs,), -1))
        self.register_buffer("found_at", torch.zeros(places, dtype=torch.int32))
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
        pair = self.found_at[hashed(ids, following, len(self.found_at))].long()
        known = both * (self.keys[pair] == ids * self.vocabulary + following).to(both.dtype)
        pairs = self.ratios[self.vocabulary + pair] * known.unsqueeze(-1) / 2
        return self.ratios[ids] * real.unsqueeze(-1) + pairs + functional.pad(pairs[:, :-1], (0, 0, 1, 0))


def of_facts(facts: Mapping[str, Any], target: Mapping[str, Any], classes: int) -> NaiveBayes | None:
    """Return tables of nothing, of the sizes that the facts of texts and of a target say; None if it has no counts."""
    return NaiveBayes(facts["vocabulary"], **target[TABLE], classes=classes) if TABLE in target else None


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
    sizes = {"pairs": len(found.keys), "places": len(found.found_at)}
    return {**target, TABLE: sizes}, {"temperature": round(temperature, 6), "naive_bayes": round(weight, 6)}


def of_rows(inputs: Inputs, vocabulary: int, special_ids: list[int], classes: int) -> NaiveBayes:
    """Return the counts of rows: how many rows of each class have a token, or a pair, not how often one has it."""
    tokens, pairs = _Counts(), _Counts()
    for index in inputs.order(_BATCH, None):
        batch = inputs.take(index, None)
        ids, real, of_class = batch["input_ids"], batch["attention_mask"].bool(), batch["target"]
        tokens.add(_once(ids, real, of_class, vocabulary, classes))
        both = real[..., :-1] & real[..., 1:]
        neighbours = ids[..., :-1] * vocabulary + ids[..., 1:]
        pairs.add(_once(neighbours, both, of_class, vocabulary**2, classes))
    single = torch.zeros(vocabulary, classes)
    codes, times = tokens.total()
    single[codes // classes, codes % classes] = times.float()
    single[special_ids] = 0
    return _filled(single, *_often(*pairs.total(), classes))


class _Counts:
    """How often codes were seen, gathered until there are many of them."""

    def __init__(self) -> None:
        self.codes = self.times = torch.empty(0, dtype=torch.int64)
        self.more: list[Tensor] = []

    def add(self, codes: Tensor) -> None:
        """Count these once more."""
        self.more.append(codes)
        if sum(map(len, self.more)) > _AT_ONCE:
            self.total()

    def total(self) -> tuple[Tensor, Tensor]:
        """Return the codes, sorted, and how often each was seen."""
        more = torch.cat([self.codes[:0], *self.more])
        self.more = []
        found, place = torch.unique(torch.cat([self.codes, more]), return_inverse=True)
        seen = torch.cat([self.times, torch.ones_like(more)])
        self.codes, self.times = found, torch.zeros_like(found).index_add_(0, place, seen)
        return self.codes, self.times


def _once(grams: Tensor, there: Tensor, of_class: Tensor, kinds: int, classes: int) -> Tensor:
    """Return each different gram, one of so many kinds, of each row [B, …] once: gram · classes + the row's class."""
    row = torch.arange(len(grams)).view(-1, *[1] * (grams.ndim - 1)).expand_as(grams)
    found = torch.unique(row[there] * kinds + grams[there])
    codes: Tensor = found % kinds * classes + of_class[found // kinds]
    return codes


def _often(codes: Tensor, times: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return the pairs that several rows have, the most frequent first, and in how many of each class [P, C]."""
    keys, place = torch.unique_consecutive(codes // classes, return_inverse=True)
    rows = torch.zeros(len(keys), dtype=torch.int64).index_add_(0, place, times)
    most = min(int((rows >= _ROWS).sum()), _PAIRS, _NUMBERS // classes)
    order = rows.argsort(descending=True, stable=True)[:most]
    back = torch.full((len(keys),), -1).scatter(0, order, torch.arange(most))[place]
    counts = torch.zeros(most, classes)
    counts[back[back >= 0], (codes % classes)[back >= 0]] = times[back >= 0].float()
    return keys[order], counts


def _filled(tokens: Tensor, keys: Tensor, pairs: Tensor) -> NaiveBayes:
    """Return the logarithms of the likelihoods, less their mean over the classes; of what no row has, nothing.

    tokens: counts [vocabulary, C]. Of pairs with one place the most frequent keeps it.
    """
    vocabulary, classes = tokens.shape
    places = 1 << max(_SPARSE * len(keys) - 1, 1).bit_length()
    place = hashed(keys // vocabulary, keys % vocabulary, places)
    first = torch.full((places,), len(keys)).scatter_reduce(0, place, torch.arange(len(keys)), "amin")
    kept = first[first < len(keys)].sort().values
    found = NaiveBayes(vocabulary, max(1, len(kept)), places, classes)
    found.keys[: len(kept)] = keys[kept]
    found.found_at[place[kept]] = torch.arange(len(kept), dtype=torch.int32)
    counts = torch.zeros_like(found.ratios)
    counts[:vocabulary] = tokens
    counts[vocabulary : vocabulary + len(kept)] = pairs[kept]
    seen = counts.sum(dim=1, keepdim=True) > 0
    likelihood = (counts + SMOOTHING).log() - (counts.sum(dim=0) + SMOOTHING * seen.sum()).log()
    found.ratios.copy_(torch.where(seen, likelihood - likelihood.mean(dim=1, keepdim=True), 0))
    return found


@torch.no_grad()
def _said(found: NaiveBayes, inputs: Inputs) -> np.ndarray:
    """Return what the counts say of each row [N, C], in row order."""
    device, said = found.ratios.device, []
    batches = inputs.order(_BATCH, None)
    for index in batches:
        batch = inputs.take(index, None)
        said.append(found(batch["input_ids"].to(device), batch["attention_mask"].to(device)).cpu())
    return torch.cat(said)[torch.cat(batches).argsort()].numpy()
