"""An image and a text read by a net each, then put together: late, as one vector of each, or token by token.

late: the features of both, and their product, which asks and answers (Antol et al. 2015, "VQA: Visual Question
Answering", https://arxiv.org/abs/1505.00468, section 4). cross: tokens of the text look at the places of the image's
map by attention (Lu et al. 2019, ViLBERT, https://arxiv.org/abs/1908.02265, section 2.1, of which these are the layers
of the text's side). An input that is missing is a vector of its own, which is learnt.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.system import plugins
from chainrule.system.errors import ParamsError


class Late(nn.Module):
    """The features of both inputs, and their product, through a hidden layer."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3 * width, 2 * width), nn.GELU(), nn.Dropout(dropout))
        self.out_features = 2 * width

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """Turn features [B, width] of images and of texts into those of rows [B, out_features]."""
        found: Tensor = self.layers(torch.cat([image, text, image * text], dim=1))
        return found


class Looking(nn.Module):
    """One layer: what each token finds in the places of the image that it attends to, and a hidden layer."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.key, self.value = nn.Linear(width, width), nn.Linear(width, width)
        self.inner = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Turn tokens [B, T, width] into tokens of the same shape; places [B, P, width]."""
        query = self._by_head(self.query(self.before(tokens)))
        key, value = self._by_head(self.key(places)), self._by_head(self.value(places))
        scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
        seen = (scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)
        tokens = tokens + self.dropout(self.out(seen))
        found: Tensor = tokens + self.dropout(self.inner(self.after(tokens)))
        return found

    def _by_head(self, states: Tensor) -> Tensor:
        batch, length, width = states.shape
        return states.view(batch, length, self.heads, width // self.heads).transpose(1, 2)


class ImageText(nn.Module):
    """Two nets of this project, and what puts together what they see."""

    def __init__(
        self, image: nn.Module, text: nn.Module, fusion: str, width: int, heads: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.image, self.text, self.fusion = image, text, fusion
        seen = image.map_channels if fusion == "cross" else image.out_features
        self.of_image, self.of_text = nn.Linear(int(seen), width), nn.Linear(int(text.out_features), width)  # type: ignore[arg-type]
        self.no_image, self.no_text = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.zeros(width))
        for missing in (self.no_image, self.no_text):
            nn.init.normal_(missing, std=0.02)
        self.looking = nn.ModuleList(Looking(width, heads, dropout) for _ in range(layers if fusion == "cross" else 0))
        self.together = Late(width, dropout)
        self.out_features = self.together.out_features
        self.gains_from_bf16 = bool(image.gains_from_bf16) and bool(text.gains_from_bf16)
        self.channels_last = bool(getattr(image, "channels_last", False))
        self.blocks: dict[str, Mapping[str, Any]] = {}  # what made the two

    @property
    def embeddings(self) -> Tensor:
        """The input embedding of the text's net [vocabulary, …]."""
        found: Tensor = self.text.embeddings  # type: ignore[assignment]
        return found

    def forward(
        self, images: Tensor, input_ids: Tensor, attention_mask: Tensor, given: Tensor, row: Tensor | None = None
    ) -> Tensor:
        """Features [B, out_features] of normalised float32 images [B, C, H, W] and texts, int64 [B, T].

        given, int64 [B, 2]: 1 where there is an image, and where there is a text; what else is there is not looked at.
        row, int64 [B]: which of the images is each row's, where these are fewer; None: each has its own.
        """
        has_image, has_text = given.bool().unbind(dim=1)
        states = self.text(input_ids, attention_mask)
        if self.fusion == "late":
            pool = getattr(self.text, "pool", _mean)
            seen = _of_rows(self.of_image(self.image(images)), row)
            image = torch.where(has_image[:, None], seen, self.no_image)
            text = torch.where(has_text[:, None], self.of_text(pool(states, attention_mask)), self.no_text)
            return self.joined(image, text)
        maps = self.image.feature_map(images).flatten(2).transpose(1, 2)  # type: ignore[operator]
        places = torch.where(has_image[:, None, None], _of_rows(self.of_image(maps), row), self.no_image)
        tokens = torch.where(has_text[:, None, None], self.of_text(states), self.no_text)
        for layer in self.looking:
            tokens = layer(tokens, places)
        return self.joined(places.mean(dim=1), _mean(tokens, attention_mask))

    def joined(self, image: Tensor, text: Tensor) -> Tensor:
        """Features [B, out_features] of what was seen and read, [B, width] each."""
        features: Tensor = self.together(image, text)
        return features


def _of_rows(seen: Tensor, row: Tensor | None) -> Tensor:
    """Return of each row what was seen, by which of the images is its own."""
    return seen if row is None else seen[row]


def _mean(states: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the mean [B, D] of states [B, T, D] over the real tokens."""
    weights = attention_mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def build(
    channels: int,
    vocabulary: int,
    pad_id: int,
    *,
    image: Mapping[str, Any],
    text: Mapping[str, Any],
    fusion: str,
    width: int,
    heads: int,
    layers: int,
    dropout: float,
) -> ImageText:
    """Build a net of two: `image` and `text` are blocks of nets, with names and options.

    `width` features of each input are put together by `fusion`, late or cross, the latter by `layers` layers of `heads`
    heads; `dropout` acts on what they make. Raises ParamsError for a net whose maps are needed and that gives none.
    """
    seeing = _built(image, channels=channels)
    if fusion == "cross" and not hasattr(seeing, "map_channels"):
        raise ParamsError(f"net.image: {image['name']} gives no feature map; take another net, or fusion late")
    reading = _built(text, vocabulary=vocabulary, pad_id=pad_id)
    net = ImageText(seeing, reading, fusion, width, heads, layers, dropout)
    net.blocks = {"image": image, "text": text}
    return net


def _built(block: Mapping[str, Any], **arguments: int) -> nn.Module:
    options = {name: value for name, value in block.items() if name != "name"}
    net: nn.Module = plugins.load("nets", block["name"]).build(**arguments, **options)
    return net
