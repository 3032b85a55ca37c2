"""A convolutional network over embeddings of tokens, which keeps of every filter its largest answer in a text.

Kim 2014, "Convolutional Neural Networks for Sentence Classification", https://arxiv.org/abs/1408.5882.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional


class TextCNN(nn.Module):
    """Filters over windows of several widths; their answers at every token are its states, their maxima the features.

    The windows reach beyond both ends of a text, as in Kim's program, and find zeros there.
    """

    gains_from_bf16 = True

    def __init__(self, vocabulary: int, embedding: int, filters: int, widths: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, embedding)
        nn.init.uniform_(self.tokens.weight, -0.25, 0.25)  # as in Kim's program
        self.convolutions = nn.ModuleList(nn.Conv1d(embedding, filters, width) for width in widths)
        self.dropout = nn.Dropout(dropout)
        self.out_features = filters * len(widths)

    @property
    def embeddings(self) -> torch.Tensor:
        """The input embedding [vocabulary, embedding]."""
        return self.tokens.weight

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """States [B, T, out_features] of `input_ids` int64 [B, T]; `attention_mask` int64 [B, T] is 1 at real tokens.

        None is negative, and at padded positions they are zero.
        """
        real = attention_mask.unsqueeze(1).to(self.tokens.weight.dtype)
        rows = self.tokens(input_ids).transpose(1, 2) * real
        found = [_same_length(convolution, rows) for convolution in self.convolutions]  # type: ignore[arg-type]
        states: torch.Tensor = torch.relu(torch.cat(found, dim=1)) * real
        return states.transpose(1, 2)

    def pool(self, states: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Features [B, out_features] of a row: the largest of its states, which are not below those of the padding."""
        features: torch.Tensor = self.dropout(states.amax(dim=1))
        return features


def _same_length(convolution: nn.Conv1d, rows: torch.Tensor) -> torch.Tensor:
    (width,) = convolution.kernel_size
    result: torch.Tensor = convolution(functional.pad(rows, ((width - 1) // 2, width // 2)))
    return result


def build(
    vocabulary: int,
    pad_id: int,
    *,
    embedding: int,
    filters: int,
    widths: Sequence[int],
    dropout: float,
) -> TextCNN:
    """Build `filters` filters for each of the `widths`, in tokens, over `embedding` features of a token.

    `dropout` acts on the features of a text.
    """
    return TextCNN(vocabulary, embedding, filters, widths, dropout)
