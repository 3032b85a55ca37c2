"""A bidirectional LSTM over embeddings of tokens, of one layer or several.

LSTM: Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735, with the forget gate of Gers et al.
2000. Both ways: Graves & Schmidhuber 2005, https://doi.org/10.1016/j.neunet.2005.06.042.
"""

import torch
from torch import nn

from chainrule.nets.shared.encoder import Dropout


class BothWays(nn.Module):
    """One layer: an LSTM that reads a row from its start, and one that reads it from its last real token."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.forwards = nn.LSTM(inputs, width, batch_first=True)
        self.backwards = nn.LSTM(inputs, width, batch_first=True)

    def forward(self, states: torch.Tensor, mirror: torch.Tensor) -> torch.Tensor:
        """Turn states [B, T, inputs] into states [B, T, 2 * width]; mirror: as `mirrored` gives it."""
        ahead, _ = self.forwards(states)
        behind, _ = self.backwards(_at(states, mirror))
        return torch.cat([ahead, _at(behind, mirror)], dim=-1)


def mirrored(attention_mask: torch.Tensor) -> torch.Tensor:
    """Return where each place of a row, int64 [B, T], goes when its real tokens are turned round; padding stays.

    torch's own two-way LSTM begins its way back in the padding, unless rows are packed, which no ONNX graph can.
    """
    places = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    last = attention_mask.sum(dim=1, keepdim=True) - 1
    return torch.where(places <= last, last - places, places)


def _at(states: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    return states.gather(1, places.unsqueeze(-1).expand(-1, -1, states.shape[-1]))


class BiLSTM(nn.Module):
    """Token ids to one vector per token, which knows the tokens on both sides."""

    gains_from_bf16 = True

    def __init__(
        self, vocabulary: int, pad_id: int, embedding: int, width: int, layers: int, dropout: float, pairs: int
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, embedding)
        seen = 3 * embedding if pairs else embedding
        self.layers = nn.ModuleList(BothWays(2 * width if layer else seen, width) for layer in range(layers))
        self.pairs = nn.Embedding(pairs, embedding) if pairs else None
        self.pad_id = pad_id
        self.dropout = Dropout(dropout)
        self.out_features = 2 * width

    @property
    def embeddings(self) -> torch.Tensor:
        """The input embedding [vocabulary, embedding], to decode masked tokens with the same weights."""
        return self.tokens.weight

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """States [B, T, 2 * width] of `input_ids` int64 [B, T]; `attention_mask` int64 [B, T] is 1 at real tokens.

        Rows are padded at their ends; what stands there in the result means nothing.
        """
        mirror = mirrored(attention_mask)
        states = self.dropout(self._seen(input_ids))
        for layer in self.layers:
            states = self.dropout(layer(states, mirror))
        result: torch.Tensor = states
        return result

    def _seen(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Return what the first layer sees of each token: its features, and those of its pairs with its neighbours."""
        if self.pairs is None:
            found: torch.Tensor = self.tokens(input_ids)
            return found
        # Behind the last token stands what fills a row up, whether the row is filled up or not.
        wide = nn.functional.pad(input_ids, (1, 1), value=self.pad_id)
        places = torch.remainder(wide[:, :-1] * _PRIME + wide[:, 1:], self.pairs.num_embeddings)
        pairs = self.pairs(places)
        return torch.cat([self.tokens(input_ids), pairs[:, :-1], pairs[:, 1:]], dim=-1)


_PRIME = 1_000_003
"""By which the first token of a pair counts in its number; pairs of one number share their features."""


def build(
    vocabulary: int,
    pad_id: int,
    *,
    embedding: int,
    width: int,
    layers: int,
    dropout: float,
    pairs: int = 0,
) -> BiLSTM:
    """Build a two-way LSTM of `layers` layers with `width` features each way over `embedding` features of a token.

    `dropout` acts on the embeddings and on what each layer gives. pairs: numbers that pairs of neighbouring tokens get
    by their hash, each with features of its own beside those of the token; 0: none. Of scripts without blanks they tell
    words from letters (Chen et al. 2015, https://aclanthology.org/D15-1141, section 4.3: character bigrams).
    """
    return BiLSTM(vocabulary, pad_id, embedding, width, layers, dropout, pairs)
