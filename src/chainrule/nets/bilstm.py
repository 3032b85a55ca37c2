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

    def __init__(self, vocabulary: int, embedding: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, embedding)
        self.layers = nn.ModuleList(BothWays(2 * width if layer else embedding, width) for layer in range(layers))
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
        states = self.dropout(self.tokens(input_ids))
        for layer in self.layers:
            states = self.dropout(layer(states, mirror))
        result: torch.Tensor = states
        return result


def build(
    vocabulary: int,
    pad_id: int,
    *,
    embedding: int,
    width: int,
    layers: int,
    dropout: float,
) -> BiLSTM:
    """Build a two-way LSTM of `layers` layers with `width` features each way over `embedding` features of a token.

    `dropout` acts on the embeddings and on what each layer gives.
    """
    return BiLSTM(vocabulary, embedding, width, layers, dropout)
