"""Two segments of texts in one row, and what a net is to tell of the two beside the tokens that are hidden.

A text is parted where a sentence ends, at a random one if there are several; a text of one sentence at the word nearest
to its middle; a row of two texts between the two. All from token ids, whole batches at a time: the shapes are those of
the batch, whatever its texts are, so that no step waits for a number.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from chainrule.evaluation.shown import Learnt, Passage, Passages, Piece
from chainrule.system.errors import ParamsError
from chainrule.training.objectives.shared import pieces, restored
from chainrule.training.objectives.shared.masking import Masking


class Parted(NamedTuple):
    """Texts without what a tokenizer puts around them, ids int64 [B, T], each in two segments: of `first` tokens and of
    `second` ones behind them, both int64 [B]; second is 0 where there is nothing to part.
    """

    ids: Tensor
    first: Tensor
    second: Tensor


class Chosen(NamedTuple):
    """For each row of a batch the two segments to join: the row [B] of `Parted` that each is of, whether it is that
    row's second one, and the answer that is true of the two, all [B].
    """

    rows: tuple[Tensor, Tensor]
    seconds: tuple[Tensor, Tensor]
    answer: Tensor


class MaskedPairs(nn.Module):
    """Tell hidden tokens of two segments, and whether the segments are as they were."""

    begins: Tensor
    ends: Tensor
    framing: Tensor

    def __init__(
        self, net: nn.Module, masking: Masking, facts: dict[str, Any], choose: Callable[[Tensor], Chosen]
    ) -> None:
        """Wrap a net that maps ids and mask [B, T] to states [B, T, D].

        choose: which segments are joined, of which rows have two, bool [B]. Raises ParamsError for a tokenizer that
        marks no end of a text.
        """
        super().__init__()
        self.net, self.masking, self.choose = net, masking, choose
        self.pad_id, self.longest = int(facts["pad_id"]), int(facts["max_length"])
        self.frame = pieces.frame(facts["tokenizer"])
        if not self.frame.between or not self.frame.behind:
            raise ParamsError(
                "pretrain.objective: the base's tokenizer marks no ends of texts, so a row holds only one"
            )
        known = pieces.of(facts["tokenizer"], int(facts["vocabulary"]))
        self.verdict = nn.Linear(int(net.out_features), 1)  # type: ignore[arg-type]
        self.register_buffer("begins", torch.tensor(known.begins), persistent=False)
        self.register_buffer("ends", torch.tensor(known.ends), persistent=False)
        framing = torch.tensor(sorted({*self.frame.before, *self.frame.between, *self.frame.behind}))
        self.register_buffer("framing", framing, persistent=False)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return loss (nats: mean cross-entropy of the hidden tokens plus that of the answers), count [] of rows, what
        `Masking` returns of the joined rows `input_ids` [B, L], and of these score [B], answer [B] and known, bool [B]:
        whether the row had two segments. batch: input_ids and attention_mask, int64 [B, T].
        """
        parted = self.part(batch["input_ids"], batch["attention_mask"])
        known = parted.second > 0
        chosen = self.choose(known)
        ids, attention = self.join(parted, chosen)
        hidden = self.masking.hide(ids, attention)
        states = self.net(hidden.ids, attention)
        found = self.masking(states, ids, hidden, self.net.embeddings)
        score = self.verdict(_pooled(self.net, states, attention)).squeeze(1).float()
        each = nn.functional.binary_cross_entropy_with_logits(score, chosen.answer.float(), reduction="none")
        loss = found["loss"] + (each * known).sum() / known.sum().clamp(min=1)
        told = {"input_ids": ids, "places": hidden.places, "score": score, "answer": chosen.answer, "known": known}
        return {**found, **told, "loss": loss, "count": torch.tensor(len(ids), device=ids.device)}

    def part(self, ids: Tensor, attention: Tensor) -> Parted:
        """Return rows of one text or two, int64 [B, T], in two segments each."""
        real = attention.bool() & ~torch.isin(ids, self.framing)
        order = (~real).long().argsort(dim=1, stable=True)  # what is real, in its order, to the left
        ids, length = ids.gather(1, order), real.sum(dim=1, keepdim=True)
        place = torch.arange(ids.shape[1], device=ids.device)
        inside = (place > 0) & (place < length)  # where a second segment may begin
        ends = self.ends[ids]
        sentence = inside & ends.roll(1, 1) & ~ends
        # Between two texts there stood something that is gone: the next place is further than one.
        of_two = inside & (order - order.roll(1, 1) > 1)
        word = inside & self.begins[ids]
        from_middle = 1 - (2 * place - length).abs() / (length + 1)  # 1 in the middle, above 0
        draw = torch.rand(ids.shape, device=ids.device)
        liking = torch.where(inside, from_middle, -1.0)
        for here, much in ((word, 1 + from_middle), (sentence, 3 + draw), (of_two, 5 + draw)):
            liking = torch.where(here, much, liking)
        first = liking.argmax(dim=1)
        first = torch.where(length.squeeze(1) > 1, first, length.squeeze(1))
        return Parted(ids, first, length.squeeze(1) - first)

    def join(self, parted: Parted, chosen: Chosen) -> tuple[Tensor, Tensor]:
        """Return ids and attention mask, int64 [B, L], of two segments each within what the tokenizer puts around them.

        Of two that are too long for the net the longer is cut first.
        """
        before, between, behind = self.frame
        around = len(before) + len(between) + len(behind)
        width = min(parted.ids.shape[1] + around, self.longest)
        lengths = [
            torch.where(second, parted.second[rows], parted.first[rows])
            for rows, second in zip(chosen.rows, chosen.seconds, strict=True)
        ]
        room = width - around
        first = torch.minimum(lengths[0], (room - lengths[1]).clamp(min=(room + 1) // 2))
        second = torch.minimum(lengths[1], room - first)
        place = torch.arange(width, device=parted.ids.device).expand(len(first), width)
        ids = torch.full_like(place, self.pad_id)
        start = torch.zeros_like(first)
        for part in (before, (0, first), between, (1, second), behind):
            if isinstance(part, tuple):
                which, length = part
                rows, seconds = chosen.rows[which], chosen.seconds[which]
                begin = torch.where(seconds, parted.first[rows], 0)
                inside = (place >= start[:, None]) & (place < (start + length)[:, None])
                source = (place - start[:, None] + begin[:, None]).clamp(0, parted.ids.shape[1] - 1)
                ids = torch.where(inside, parted.ids[rows].gather(1, source), ids)
                start = start + length
            else:
                for token in part:
                    ids = torch.where(place == start[:, None], token, ids)
                    start = start + 1
        return ids, (place < start[:, None]).long()


def _pooled(net: nn.Module, states: Tensor, attention: Tensor) -> Tensor:
    """Return one vector per row as a classifier of texts takes it: the net's own, or the mean over its states."""
    if hasattr(net, "pool"):
        pooled: Tensor = net.pool(states, attention)  # type: ignore[operator]
        return pooled
    weights = attention.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def show(
    objective: MaskedPairs, inputs: Any, facts: dict[str, Any], loss: float, seed: int, words: tuple[str, str]
) -> Learnt:
    """Return pairs of validation segments with the net's verdict in words (false, true), and the hidden tokens."""
    batch = restored.some(inputs, objective.net, seed)
    result = objective(batch)
    said, answer, known = (result[name].tolist() for name in ("score", "answer", "known"))
    right = [(score > 0) == true for score, true, two in zip(said, answer, known, strict=True) if two]
    texts = [
        _verdict(row, score, true, facts, objective.frame, words)
        for row, score, true, two in zip(result["input_ids"].tolist(), said, answer, known, strict=True)
        if two
    ][: restored.SHOWN]
    back = restored.learnt(result["input_ids"], result, facts, loss)
    tokens = back.numbers["hidden tokens that came back"]
    share = f"{sum(right) / len(right):.1%} of {len(right):,}" if right else "no text has two segments"
    note = "Two segments, parted by ‖, and what the net says of them."
    return Learnt(
        {"loss": f"{loss:.3f}", "verdicts that are true": share, "hidden tokens that came back": tokens},
        [Passages("Two segments and the verdict", note, texts), *back.sections],
    )


def _verdict(
    ids: list[int], score: float, answer: bool, facts: dict[str, Any], frame: pieces.Frame, words: tuple[str, str]
) -> Passage:
    """Return two segments and what is said of them: score > 0 for the second of the words."""
    known = pieces.of(facts["tokenizer"], facts["vocabulary"])
    inner = ids[len(frame.before) :]
    middle = inner.index(frame.between[0])
    first, second = inner[:middle], inner[middle + len(frame.between) :]
    second = [token for token in second if token != facts["pad_id"]][: -len(frame.behind)]
    texts = ["".join(known.pieces(each)) for each in (first, second)]
    return Passage(
        [Piece(" ‖ ".join(texts))], f"said: {words[score > 0]}; in truth: {words[answer]}", (score > 0) == answer
    )
