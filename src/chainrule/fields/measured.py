"""What drift compares of the values of a field."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np


class Measured(NamedTuple):
    """Of N values: numbers by name, float [N]; vectors by name, compared as a whole, float [N, D]; words, if any.

    classes: by name, of values of which there are a few, what each is, str [N].
    """

    numbers: Mapping[str, np.ndarray]
    vectors: Mapping[str, np.ndarray]
    words: Sequence[Sequence[str]] | None
    classes: Mapping[str, Sequence[str]] = MappingProxyType({})
