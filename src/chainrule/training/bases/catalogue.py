"""The places that weights come from by name: what each takes in params.yaml under `base` beside `from`.

`from` is also a folder below `models/`, which the stage `fetch` depends on. For another recipe it is that recipe's
output, such as `finetuned/films`; for the others a folder of that name, where files are put by hand for want of a
network.
"""

from typing import Any, NamedTuple

from pydantic import Field

from chainrule.recipes.file import Section


class NoOptions(Section):
    """Everything is said by `from`."""


class HubOptions(Section):
    """A model of the Hugging Face hub, or a folder of its form."""

    name: str = Field(min_length=1, description="the hub's name for it, or a folder with config.json and weights")
    revision: str | None = Field(description="a commit, tag or branch of the hub; null: the newest")


class TimmOptions(Section):
    """A model of timm, or a folder of its form."""

    name: str = Field(min_length=1, description="timm's name for it, or a folder with config.json and weights")
    revision: str | None = Field(description="a commit, tag or branch of the hub; null: the newest")


DEFAULTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "finetuned": {},
    "pretrained": {},
    "huggingface": {"revision": None},
    "timm": {"revision": None},
}
"""What each starts with; a literal, of which dvc.yaml lists them all: fetching again costs little."""


class BaseEntry(NamedTuple):
    """What the check of params.yaml knows of a place that weights come from."""

    options: type[Section]
    modality: str | None  # None: any
    nets: tuple[str, ...] | None  # the nets that its weights are of; None: any


BASES: dict[str, BaseEntry] = {
    "nothing": BaseEntry(NoOptions, None, None),
    "finetuned": BaseEntry(NoOptions, None, None),
    "pretrained": BaseEntry(NoOptions, None, None),
    "huggingface": BaseEntry(HubOptions, "text", ("transformers",)),
    "timm": BaseEntry(TimmOptions, "image", ("timm",)),
}


OF_RECIPES = ("finetuned", "pretrained")
"""Those whose `from` goes on with the name of another recipe."""


def kind(place: Any) -> Any:
    """Return the name in BASES of what stands under `from`: `finetuned` of `finetuned/films`."""
    return place.partition("/")[0] if isinstance(place, str) else place
