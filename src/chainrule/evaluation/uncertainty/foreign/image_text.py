"""Images that show nothing beside texts that ask, and texts that say nothing beside images that show."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from chainrule.evaluation.uncertainty.foreign import image, text


def kinds(batch: Mapping[str, Tensor], facts: Mapping[str, Any], generator: torch.Generator) -> dict[str, Any]:
    """Return foreign rows by what they are, inputs by name each, made of a batch; the other input stays."""
    made = {**image.kinds(batch, facts, generator), **text.kinds(batch, facts, generator)}
    return {name: {**batch, **found} for name, found in made.items()}
