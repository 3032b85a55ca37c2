"""The modalities by name: what each takes under `clean.normalise` and `augment.options`."""

from typing import Literal, NamedTuple

from pydantic import Field

from chainrule.recipes.file import Section


class NormaliseImage(Section):
    """Every kept image gets one mode, and one size where one is given."""

    mode: Literal["L", "RGB"] = Field(description="L: one grey channel; RGB: three")
    size: int | None = Field(
        ge=1, le=4096, description="side in pixels: shorter side scaled, centre cut out; null: as found"
    )
    max_pixels: int = Field(ge=1, description="larger images are rejected before they are decoded")


class NormaliseText(Section):
    """Every kept text is NFC without control characters."""

    lowercase: bool = Field(description="whether letters become lower case; if not, US and us are two words")
    strip_html: bool = Field(description="whether tags and entities are taken out")
    min_characters: int = Field(ge=1, description="shorter texts are rejected")
    max_characters: int = Field(ge=1, description="most characters of a text; longer ones are cut, or rejected")
    long: Literal["cut", "reject"] = Field(description="what becomes of longer texts: cut after a word, or rejected")


class AugmentImage(Section):
    """A copy is turned, moved and scaled by a random amount up to these."""

    degrees: float = Field(ge=0, le=180, description="largest rotation, both ways")
    shift: float = Field(ge=0, le=0.5, description="largest displacement as a share of the side")
    scale: float = Field(ge=0, le=0.5, description="largest change of size as a share")


class AugmentText(Section):
    """A copy loses words and has neighbours swapped (Wei & Zou 2019)."""

    delete: float = Field(ge=0, lt=1, description="share of the words that are left out")
    swap: float = Field(ge=0, le=1, description="share of the words that change places with the next")


class ModalityEntry(NamedTuple):
    """What the check of params.yaml knows of a modality."""

    normalise: type[Section]
    augment: type[Section]


MODALITIES: dict[str, ModalityEntry] = {
    "image": ModalityEntry(NormaliseImage, AugmentImage),
    "text": ModalityEntry(NormaliseText, AugmentText),
}

TARGETS = ("label", "labels", "number")
KINDS = (*MODALITIES, *TARGETS)
