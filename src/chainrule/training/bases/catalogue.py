"""The places that weights come from by name: what each takes in params.yaml under `base` beside `from`.

`from` is also a folder below `models/`, which the stage `fetch` depends on. For another recipe it is that recipe's
output, such as `finetuned/films`; for the others a folder of that name, where files are put by hand for want of a
network.
"""

import re
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field

from chainrule.recipes.file import Section

MODEL_URI = re.compile(r"models:/([^/@]+)(?:@([^/@]+)|/([1-9][0-9]*))")
"""A registered model's version, by alias or number, as MLflow writes it."""


class NoOptions(Section):
    """Everything is said by `from`."""


class HubOptions(Section):
    """A model of the Hugging Face hub, or a folder of its form."""

    name: str = Field(min_length=1, description="the hub's name for it, or a folder with config.json and weights")
    revision: str | None = Field(description="a commit, tag or branch of the hub; null: the newest")


class TimmOptions(Section):
    """A net of timm, a folder of its form, or one file of weights."""

    name: str = Field(min_length=1, description="timm's name for it, a folder with config.json and weights, or a file")
    revision: str | None = Field(description="a commit, tag or branch of the hub; null: the newest")
    arch: str | None = Field(
        min_length=1, description="timm's name for the net of a file; null: the name or folder says"
    )


class TorchvisionOptions(Section):
    """Weights of torchvision by name, or one file of weights."""

    name: str = Field(min_length=1, description="such as ResNet18_Weights.DEFAULT, or a file")
    arch: str | None = Field(min_length=1, description="torchvision's name for the net of a file; null: the name says")


def _of_model(value: str) -> str:
    if not MODEL_URI.fullmatch(value):
        raise ValueError("models:/NAME@ALIAS or models:/NAME/VERSION is needed, such as models:/digits@champion")
    return value


class MlflowOptions(Section):
    """A version of a model in the registry, with the trained weights that its export kept beside it."""

    name: Annotated[str, AfterValidator(_of_model)] = Field(description="models:/NAME@ALIAS or models:/NAME/VERSION")


DEFAULTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "finetuned": {},
    "pretrained": {},
    "huggingface": {"revision": None},
    "mlflow": {},
    "timm": {"revision": None, "arch": None},
    "torchvision": {"arch": None},
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
    "mlflow": BaseEntry(MlflowOptions, None, None),
    "timm": BaseEntry(TimmOptions, "image", ("timm",)),
    "torchvision": BaseEntry(TorchvisionOptions, "image", ("torchvision",)),
}


OF_RECIPES = ("finetuned", "pretrained")
"""Those whose `from` goes on with the name of another recipe."""


def kind(place: Any) -> Any:
    """Return the name in BASES of what stands under `from`: `finetuned` of `finetuned/films`."""
    return place.partition("/")[0] if isinstance(place, str) else place
