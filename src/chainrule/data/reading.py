"""How every stage and the intake read a source or a batch: the plug-in's rows, their labels written in one way."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chainrule.data import labels
from chainrule.system import plugins

if TYPE_CHECKING:
    import pandas as pd


def reader(kind: str) -> "Callable[..., pd.DataFrame]":
    """Return `read` of a source by its name, with tidy labels."""
    read = plugins.load("data.sources", kind).read

    def read_tidied(*arguments: Any, **options: Any) -> "pd.DataFrame":
        return labels.tidied(read(*arguments, **options))

    return read_tidied
