"""Word vectors: skip-gram with negative sampling on the input embedding of a net for texts.

Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality" (arXiv:1310.4546). Of
a batch all tokens, their neighbours and the negatives, which its tokens share (Ji et al. 2016, arXiv:1604.04661), meet
in two products of matrices.
"""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.evaluation.shown import Learnt, Plane, Table, Word
from chainrule.training.objectives.shared import pieces

NEGATIVE_POWER = 0.75
POOL = 512
"""Negatives that a batch shares; each stands for its part of all that there are."""
FREQUENT, NEIGHBOURS, DRAWN = 40, 6, 120
"""Words whose neighbours are shown, how many of them, and words of the map."""


class SkipGram(nn.Module):
    """Tell a token's neighbours from other tokens by its input embedding; nothing else of the net learns."""

    special_ids: Tensor
    counts: Tensor

    def __init__(
        self, net: nn.Module, vocabulary: int, special_ids: list[int], *, window: int, negatives: int, subsample: float
    ) -> None:
        """Wrap a net with `embeddings` [V, D].

        window: the most tokens between two neighbours, drawn anew for each token from 1 on. negatives: other tokens for
        each neighbour, drawn by the 0.75th power of how often they are. subsample: a token whose share of all is above
        it is left out with the probability 1 - sqrt(subsample / share), so that its neighbours come closer.
        """
        super().__init__()
        self.net = net
        self.window, self.negatives, self.subsample = window, negatives, subsample
        net.requires_grad_(False)
        embeddings: nn.Parameter = net.embeddings  # type: ignore[assignment]
        embeddings.requires_grad_(True)
        self.outward = nn.Parameter(torch.zeros_like(embeddings))
        self.register_buffer("special_ids", torch.tensor(special_ids), persistent=False)
        self.register_buffer("counts", torch.zeros(vocabulary), persistent=False)

    def look(self, inputs: Any) -> list[str]:
        """Count the tokens of the training texts; there is nothing to warn of."""
        for index in torch.split(torch.arange(len(inputs)), 1024):
            batch = inputs.take(index, None)
            seen = batch["input_ids"][batch["attention_mask"].bool()]
            self.counts += torch.bincount(seen, minlength=len(self.counts)).to(self.counts)
        self.counts[self.special_ids] = 0
        return []

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return loss (nats per pair of neighbours, its negatives included) and count [] of pairs.

        batch: input_ids and attention_mask, int64 [B, T].
        """
        ids, real = self._thinned(batch["input_ids"], batch["attention_mask"])
        place = torch.arange(ids.shape[1], device=ids.device)
        apart = (place[:, None] - place).abs()
        reach = torch.randint(1, self.window + 1, (*ids.shape, 1), device=ids.device)
        near = (apart > 0) & (apart <= reach) & real[:, :, None] & real[:, None, :]  # [B, T, T]: row tells column
        own = nn.functional.embedding(ids, self.net.embeddings)  # type: ignore[arg-type]
        positive = own @ nn.functional.embedding(ids, self.outward).transpose(1, 2)
        count = near.sum()
        drawn = torch.multinomial(self.counts**NEGATIVE_POWER + 1e-12, POOL, replacement=True)
        negative = own @ self.outward[drawn].T  # [B, T, POOL]
        weight = near.sum(dim=2, keepdim=True) * (self.negatives / POOL)
        loss = -(nn.functional.logsigmoid(positive.float()) * near).sum()
        loss = loss - (nn.functional.logsigmoid(-negative.float()) * weight).sum()
        return {"loss": loss / count.clamp(min=1), "count": count}

    def _thinned(self, ids: Tensor, attention: Tensor) -> tuple[Tensor, Tensor]:
        """Return ids [B, T] without special tokens and some of the frequent ones, those left in order and to the left,
        and which places hold one, bool [B, T].
        """
        share = self.counts / self.counts.sum().clamp(min=1)
        keeping = (self.subsample / share.clamp(min=1e-12)).sqrt()
        real = attention.bool() & ~torch.isin(ids, self.special_ids)
        real = real & (torch.rand(ids.shape, device=ids.device) < keeping[ids])
        order = (~real).long().argsort(dim=1, stable=True)
        return ids.gather(1, order), real.gather(1, order)


def build(net: nn.Module, facts: dict[str, Any], *, window: int, negatives: int, subsample: float) -> SkipGram:
    """Return the objective for a net and the facts of its inputs (vocabulary, special_ids)."""
    return SkipGram(
        net, facts["vocabulary"], facts["special_ids"], window=window, negatives=negatives, subsample=subsample
    )


def show(objective: SkipGram, inputs: Any, facts: dict[str, Any], *, loss: float, seed: int) -> Learnt:
    """Return the nearest neighbours of frequent words, and a map of them; loss: of all validation texts."""
    known = pieces.of(facts["tokenizer"], facts["vocabulary"])
    counts = objective.counts.cpu()
    words = [
        token
        for token in counts.argsort(descending=True, stable=True).tolist()
        if counts[token] > 0 and known.begins[token] and pieces.says(known.texts[token])
    ]
    chosen = torch.tensor(words[: max(20 * FREQUENT, DRAWN)], dtype=torch.int64)
    embeddings: Tensor = objective.net.embeddings  # type: ignore[assignment]
    vectors = embeddings.detach().float().cpu()[chosen]
    unit = vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-12)
    written = [known.texts[token] for token in chosen.tolist()]
    rows = []
    for place in range(min(FREQUENT, len(written))):
        likeness = unit @ unit[place]
        nearest = [other for other in likeness.argsort(descending=True, stable=True).tolist() if other != place]
        said = [f"{written[other]} {likeness[other]:.2f}" for other in nearest[:NEIGHBOURS]]
        rows.append((Word(written[place]), ", ".join(said)))
    table = Table("Nearest neighbours", ("word", "nearest by the cosine of their vectors"), rows, tall=True)
    sections: list[Table | Plane] = [table]
    if len(written) > 2:
        sections.append(_map(unit[:DRAWN], written))
    return Learnt({"loss": f"{loss:.3f} nats per pair", "frequent words": f"{len(words):,}"}, sections)


def _map(unit: Tensor, written: list[str]) -> Plane:
    """Return words at the two directions in which their vectors differ most."""
    centred = (unit - unit.mean(dim=0)).double()
    directions = torch.linalg.svd(centred, full_matrices=False).Vh[:2]
    # The sign of a direction is nobody's; that of its largest part is made positive.
    largest = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True))
    places = (centred @ (directions * largest.sign()).T).tolist()
    points = [(word, round(x, 4), round(y, 4)) for word, (x, y) in zip(written, places, strict=False)]
    return Plane("A map of words", "The first two principal components of the vectors of frequent words", points)
