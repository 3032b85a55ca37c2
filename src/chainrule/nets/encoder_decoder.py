"""A transformer that reads one text and writes another, normalised before each step.

Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762: an encoder whose tokens see one another, a decoder
whose tokens see those before them and what the encoder gives, sinusoids as positions, and one matrix for the tokens of
both sides and for what is written (section 3.4; Press & Wolf 2017, arXiv:1608.05859). The normalisations stand in front
of each step and once more behind the last layer, so that no long warm-up is needed (Xiong et al. 2020,
arXiv:2002.04745).

The decoder is one path for learning, scoring and writing: it takes tokens, and the keys and values of tokens before
them, of which there may be none.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from chainrule.nets.shared.encoder import Dropout
from chainrule.system.errors import ParamsError

HIDDEN = -1e4
"""What stands in place of a likeness that does not count: its weight is 0 in any format of numbers, and a row without
any is no NaN."""

Pair = tuple[Tensor, Tensor]
"""Keys and values [B, heads, tokens, width / heads] of one layer."""


class Attention(nn.Module):
    """Queries look at keys in several heads and take a mean of values (section 3.2)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.asking = nn.Linear(width, width)
        self.held = nn.Linear(width, 2 * width)  # keys and values
        self.back = nn.Linear(width, width)
        self.dropout = Dropout(dropout)

    def pair(self, states: Tensor) -> Pair:
        """Return the keys and values of states [B, S, D]."""
        keys, values = self.held(states).chunk(2, dim=-1)
        return self._split(keys), self._split(values)

    def forward(self, states: Tensor, pair: Pair, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return states [B, T, D] and weights [B, heads, T, S] of queries' states [B, T, D].

        hidden: bool [B, 1, T or 1, S], which keys do not count.
        """
        keys, values = pair
        # Plain products of matrices: on a CPU the fused attention is slower to learn (`shared.encoder.attention`).
        likeness = self._split(self.asking(states)) @ keys.transpose(-2, -1) / math.sqrt(keys.shape[-1])
        weights = likeness.masked_fill(hidden, HIDDEN).softmax(dim=-1)
        found = self.dropout(weights).to(values.dtype) @ values
        result: Tensor = self.back(found.transpose(1, 2).flatten(2))
        return result, weights

    def _split(self, states: Tensor) -> Tensor:
        batch, length, width = states.shape
        return states.view(batch, length, self.heads, width // self.heads).transpose(1, 2)


class Perceptron(nn.Module):
    """Two layers for each token by itself (section 3.3)."""

    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.expand, self.contract = nn.Linear(width, inner), nn.Linear(inner, width)
        self.dropout = Dropout(dropout)

    def forward(self, states: Tensor) -> Tensor:
        """Turn states [B, T, D] into states of the same shape."""
        result: Tensor = self.contract(self.dropout(functional.relu(self.expand(states))))
        return result


class EncoderLayer(nn.Module):
    """x + attention(norm(x)), then x + perceptron(norm(x))."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.perceptron = Perceptron(width, inner, dropout)
        self.dropout = Dropout(dropout)

    def forward(self, states: Tensor, hidden: Tensor) -> Tensor:
        """Turn states [B, S, D] into states of the same shape; hidden: bool [B, 1, 1, S], which tokens are padding."""
        seen = self.attention_norm(states)
        states = states + self.dropout(self.attention(seen, self.attention.pair(seen), hidden)[0])
        result: Tensor = states + self.dropout(self.perceptron(self.norm(states)))
        return result


class DecoderLayer(nn.Module):
    """An encoder's layer that also looks at what was read."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm, self.cross_norm, self.norm = (nn.LayerNorm(width) for _ in range(3))
        self.attention = Attention(width, heads, dropout)
        self.cross = Attention(width, heads, dropout)
        self.perceptron = Perceptron(width, inner, dropout)
        self.dropout = Dropout(dropout)

    def forward(
        self, states: Tensor, past: Pair | None, hidden: Tensor, read: Pair, unread: Tensor
    ) -> tuple[Tensor, Pair, Tensor]:
        """Return states [B, T, D], keys and values of all tokens up to these, and the weights of what was read.

        past: those of the tokens before; read: those of the encoder. hidden, unread: bool [B, 1, T, P + T] and
        [B, 1, 1, S], which of them do not count.
        """
        seen = self.attention_norm(states)
        pair = self.attention.pair(seen)
        if past is not None:
            pair = (torch.cat([past[0], pair[0]], dim=2), torch.cat([past[1], pair[1]], dim=2))
        states = states + self.dropout(self.attention(seen, pair, hidden)[0])
        found, weights = self.cross(self.cross_norm(states), read, unread)
        states = states + self.dropout(found)
        return states + self.dropout(self.perceptron(self.norm(states))), pair, weights


class EncoderDecoder(nn.Module):
    """Token ids of one text in, what may follow each token of another out."""

    gains_from_bf16 = True
    writes = True

    def __init__(
        self,
        vocabulary: int,
        pad_id: int,
        layers: tuple[int, int],
        width: int,
        heads: int,
        feed_forward: int,
        max_length: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width, padding_idx=pad_id)
        self.dropout = Dropout(dropout)
        sizes = (width, heads, feed_forward, dropout)
        self.encoder = nn.ModuleList(EncoderLayer(*sizes) for _ in range(layers[0]))
        self.decoder = nn.ModuleList(DecoderLayer(*sizes) for _ in range(layers[1]))
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.out_features, self.max_length = width, max_length
        self.shape = (layers[1], heads, width // heads)
        # Computed, not learnt: no file needs to hold them.
        self.register_buffer("positions", sinusoids(max_length, width), persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.tokens.weight, std=width**-0.5)
        with torch.no_grad():
            self.tokens.weight[pad_id].zero_()

    @property
    def embeddings(self) -> Tensor:
        """The embedding [vocabulary, D] of both sides, which also tells what is written."""
        return self.tokens.weight

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the encoder's states [B, S, D] of input_ids and attention_mask, int64 [B, S]; 1 at real tokens."""
        places = torch.arange(input_ids.shape[1], device=input_ids.device).expand_as(input_ids)
        states = self._embedded(input_ids, places)
        hidden = (attention_mask == 0)[:, None, None, :]
        for layer in self.encoder:
            states = layer(states, hidden)
        result: Tensor = self.encoder_norm(states)
        return result

    def read(self, states: Tensor) -> list[Pair]:
        """Return what each decoder layer holds of the encoder's states [B, S, D]: once for all tokens written."""
        return [layer.cross.pair(states) for layer in self.decoder]  # type: ignore[union-attr, operator]

    def write(
        self, ids: Tensor, mask: Tensor, past: Sequence[Pair] | None, read: Sequence[Pair], encoder_mask: Tensor
    ) -> tuple[Tensor, list[Pair], Tensor]:
        """Return logits [B, T, V] of what follows each token, what each layer holds, and weights [B, T, S].

        ids: int64 [B, T]; mask: int64 [B, P + T], 1 at real tokens, of those before as well; past: what each layer
        holds of the P tokens before, None: there are none. read: what `read` gives, encoder_mask int64 [B, S]. The
        weights say where the tokens looked in what was read, the mean over layers and heads.
        """
        before = mask.shape[1] - ids.shape[1]
        places = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, before:]
        states = self._embedded(ids, places)
        at = torch.arange(mask.shape[1], device=mask.device)
        hidden = (at > at[before:, None])[None, None] | (mask == 0)[:, None, None, :]
        unread = (encoder_mask == 0)[:, None, None, :]
        held, looked = [], []
        for number, (layer, pair) in enumerate(zip(self.decoder, read, strict=True)):
            states, present, weights = layer(states, past[number] if past else None, hidden, pair, unread)
            held.append(present)
            looked.append(weights.mean(dim=1))
        logits = functional.linear(self.decoder_norm(states), self.tokens.weight)
        return logits, held, torch.stack(looked).mean(dim=0)

    def _embedded(self, ids: Tensor, places: Tensor) -> Tensor:
        states = self.tokens(ids) * math.sqrt(self.out_features) + self.positions[places]  # type: ignore[index]
        result: Tensor = self.dropout(states)
        return result


def sinusoids(length: int, width: int) -> Tensor:
    """Return the positions [length, width] of section 3.5: sines in the first half of the features, then cosines."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(length)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width]


def build(
    vocabulary: int,
    pad_id: int,
    *,
    encoder_layers: int,
    decoder_layers: int,
    width: int,
    heads: int,
    feed_forward: int,
    max_length: int,
    dropout: float,
) -> EncoderDecoder:
    """Build a transformer with fresh weights; ParamsError if heads do not divide width.

    `vocabulary` counts the token ids of both texts, `pad_id` is the one that fills a row up; `width` features of a
    token, `feed_forward` of a layer's inner part; `max_length` is the most tokens of a text, `dropout` the probability
    of dropping a feature or an attention weight.
    """
    if width % heads:
        raise ParamsError(
            f"net encoder_decoder: width {width} must be a multiple of heads {heads}; take heads that divide it"
        )
    layers = (encoder_layers, decoder_layers)
    return EncoderDecoder(vocabulary, pad_id, layers, width, heads, feed_forward, max_length, dropout)
