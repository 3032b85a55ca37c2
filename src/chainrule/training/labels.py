"""Labels by name and by number."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import pandas as pd


def encode_labels(rows: "pd.DataFrame", classes: Sequence[str]) -> Tensor:
    """Return the rows' labels as int64 positions in `classes`."""
    numbers = {name: number for number, name in enumerate(classes)}
    return torch.tensor(rows["label"].map(numbers).to_numpy(dtype="int64"))
