"""GPT-2: a decoder of text that reads from left to right, normalised before each step.

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.3: the transformer of GPT (Radford
et al. 2018) with its normalisations moved in front, one more behind the last layer, and the matrices that lead back
into the residual stream drawn smaller by the root of their number. As a classifier it answers at the last token, which
has seen all others (GPT, section 3.2).
"""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from chainrule.nets.shared.cached import CacheShape, Layer
from chainrule.nets.shared.encoder import Dropout, last_token
from chainrule.system.errors import ParamsError

SPREAD = 0.02  # standard deviation of fresh matrices


class CausalAttention(nn.Module):
    """Every token looks at itself and at those before it (Vaswani et al. 2017, arXiv:1706.03762, section 3.2)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.looking = nn.Linear(width, 3 * width)  # queries, keys and values
        self.back = nn.Linear(width, width)
        self.dropout = Dropout(dropout)

    def forward(self, states: torch.Tensor, hidden: torch.Tensor, past: Layer | None) -> tuple[torch.Tensor, Layer]:
        """Turn states [B, T, D] into states of the same shape, and return the keys and values of all tokens so far.

        hidden: bool [B, 1, T, P + T], what a token does not look at; past: keys and values of the P tokens before.
        """
        batch, length, width = states.shape
        split = self.looking(states).view(batch, length, 3, self.heads, width // self.heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        if past is not None:
            keys, values = torch.cat([past[0], keys], dim=2), torch.cat([past[1], values], dim=2)
        # Plain products of matrices: on a CPU the fused attention is slower to learn, as in `shared.encoder.attention`.
        likeness = queries @ keys.transpose(-2, -1) / math.sqrt(width // self.heads)
        weights = self.dropout(likeness.masked_fill(hidden, -math.inf).softmax(dim=-1))
        result: torch.Tensor = self.back((weights.to(values.dtype) @ values).transpose(1, 2).flatten(2))
        return result, (keys, values)


class Block(nn.Module):
    """x + attention(norm(x)), then x + perceptron(norm(x)), the perceptron four times as wide inside."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = CausalAttention(width, heads, dropout)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.dropout = Dropout(dropout)

    def forward(self, states: torch.Tensor, hidden: torch.Tensor, past: Layer | None) -> tuple[torch.Tensor, Layer]:
        """Turn states [B, T, D] into states of the same shape; the rest is as in the attention."""
        found, present = self.attention(self.attention_norm(states), hidden, past)
        states = states + self.dropout(found)
        inner = functional.gelu(self.expand(self.norm(states)), approximate="tanh")
        return states + self.dropout(self.contract(inner)), present


class GPT(nn.Module):
    """Token ids to one vector per token, of which each knows the tokens before it and none behind."""

    gains_from_bf16 = True
    causal = True

    def __init__(self, vocabulary: int, layers: int, width: int, heads: int, max_length: int, dropout: float) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(max_length, width)
        self.dropout = Dropout(dropout)
        self.layers = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.out_features = width
        self.max_length = max_length
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=SPREAD)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        for block in self.layers:
            for matrix in (block.attention.back, block.contract):  # type: ignore[union-attr]
                nn.init.normal_(matrix.weight, std=SPREAD / math.sqrt(2 * layers))  # type: ignore[union-attr, arg-type]

    @property
    def embeddings(self) -> torch.Tensor:
        """The input embedding [vocabulary, D], to predict the next token with the same weights."""
        return self.tokens.weight

    @property
    def cache(self) -> CacheShape:
        """How many layers keep keys and values, of how many heads, how wide each."""
        attention: CausalAttention = self.layers[0].attention  # type: ignore[assignment]
        return CacheShape(len(self.layers), attention.heads, self.out_features // attention.heads)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Last states [B, T, D] of `input_ids` int64 [B, T], T at most max_length.

        `attention_mask` int64 [B, T] is 1 at real tokens; what stands at padded positions of the result means nothing.
        """
        return self.step(input_ids, attention_mask, ())[0]

    def step(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, past: Sequence[Layer]
    ) -> tuple[torch.Tensor, list[Layer]]:
        """Return states [B, T, D] of T more tokens behind P of which the keys and values are known, and those of all.

        past: of every layer, keys and values [B, H, P, D / H]; () for a text from its beginning. attention_mask: int64
        [B, P + T], 1 at real tokens: rows may be padded at either end, places count the real ones.
        """
        length, seen = input_ids.shape[1], attention_mask.shape[1]
        places = (attention_mask.cumsum(dim=1) - 1).clamp(min=0)[:, seen - length :]
        at = torch.arange(seen, device=input_ids.device)
        own = at[seen - length :, None]
        # A padded token looks at itself, so that no row of the attention is without a weight.
        hidden = (at > own) | ~(attention_mask[:, None, None, :].bool() | (at == own))
        states = self.dropout(self.tokens(input_ids) + self.positions(places))
        present = []
        for place, block in enumerate(self.layers):
            states, kept = block(states, hidden, past[place] if past else None)
            present.append(kept)
        return self.norm(states), present

    def pool(self, states: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Features [B, D] of a row: the state of its last token, the only one that has seen all of it."""
        return last_token(states, attention_mask)


def build(
    vocabulary: int,
    pad_id: int,
    *,
    layers: int,
    width: int,
    heads: int,
    max_length: int,
    dropout: float,
) -> GPT:
    """Build a decoder of `layers` layers, `width` features and `heads` heads; ParamsError if heads do not divide width.

    `max_length` is the most tokens in a row, `dropout` the probability of dropping a feature or an attention weight.
    """
    if width % heads:
        raise ParamsError(f"net gpt: width {width} must be a multiple of heads {heads}; take heads that divide it")
    return GPT(vocabulary, layers, width, heads, max_length, dropout)
