"""The modalities by name: what each takes under `clean.normalise` and `augment.options`."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from chainrule.recipes.file import Section


class NormaliseImage(Section):
    """Every kept image gets one mode, and one size where one is given."""

    mode: Literal["L", "RGB"] = Field(description="L: one grey channel; RGB: three")
    size: int | None = Field(
        ge=1, le=4096, description="side in pixels: shorter side scaled, centre cut out; null: as found"
    )
    max_pixels: int = Field(ge=1, description="larger images are rejected before they are decoded")
    fit: Literal["cut", "pad", "stretch"] = Field(
        default="cut",
        description="how an image becomes square: its centre is cut out, its shorter side filled with the colour of "
        "the border, or its sides stretched",
    )
    alpha: Literal["white", "grey", "black", "reject"] = Field(
        default="white", description="what lies behind an image that can be seen through; reject: none is taken"
    )
    depth: Literal["scale", "stretch", "reject"] = Field(
        default="scale",
        description="levels of more than 8 bit: of 65,535 (floats are rejected), from each image's least to its "
        "greatest, or none are taken",
    )
    animation: Literal["first", "reject"] = Field(
        default="first", description="files of several frames or pages: the first counts, or none is taken"
    )


class NormaliseText(Section):
    """Every kept text is NFC without control characters."""

    lowercase: bool = Field(description="whether letters become lower case; if not, US and us are two words")
    strip_html: bool = Field(description="whether tags and entities are taken out")
    min_characters: int = Field(ge=1, description="shorter texts are rejected")
    max_characters: int = Field(ge=1, description="most characters of a text; longer ones are cut, or rejected")
    long: Literal["cut", "reject"] = Field(description="what becomes of longer texts: cut after a word, or rejected")
    unicode: Literal["NFC", "NFKC"] = Field(
        default="NFC",
        description="NFKC: letters of double width, ligatures and the like become the letters that they stand for",
    )
    quotes: Literal["keep", "plain"] = Field(
        default="keep", description="plain: curly quotes, long dashes and the ellipsis become those of a keyboard"
    )
    repeats: int | None = Field(
        default=None, ge=1, description="longest run of one letter or sign, such as 3 for soooooo; null: any"
    )
    width: Literal["keep", "letters", "all"] = Field(
        default="keep",
        description="letters: Latin letters and digits of double width become ASCII, katakana of half width the usual "
        "ones; all: signs such as ， and ！, too",
    )
    blanks: Literal["keep", "words", "as_found"] = Field(
        default="keep",
        description="keep: runs of them, and line ends, become one; words: none between two ideographs or kana, where "
        "no word ends with one; as_found: all stay, line ends too",
    )


class NormaliseAudio(Section):
    """Every kept sound has one channel of 16 bits and one rate."""

    rate: int = Field(ge=1000, le=192_000, description="samples a second; sounds of other rates are resampled")
    min_seconds: float = Field(gt=0, description="shorter sounds are rejected")
    max_seconds: float = Field(gt=0, le=3600, description="most seconds of a sound that are kept")
    long: Literal["cut", "reject"] = Field(
        default="cut", description="what becomes of longer sounds: their middle is cut out, or they are rejected"
    )
    most_seconds: float = Field(
        default=600.0, gt=0, le=86_400, description="longer files are rejected before they are decoded"
    )
    max_channels: int = Field(default=8, ge=1, le=1024, description="files of more channels are rejected")

    @model_validator(mode="after")
    def _some_length_is_left(self) -> Self:
        if self.min_seconds > self.max_seconds:
            raise ValueError(f"min_seconds is {self.min_seconds:g}, above max_seconds, {self.max_seconds:g}")
        return self


Name = Annotated[str, Field(min_length=1)]
Bound = float | str | None
OF_KIND = ("number", "category", "date", "boolean", "text")
"""Kinds of columns."""


class Constant(Section):
    """What stands for a missing cell."""

    constant: float | str | bool = Field(description="the value, of the column's kind; a date as 2011-01-20")


class Dates(Section):
    """How dates are written: ISO 8601 and names of months in English are read as they are."""

    formats: list[Name] = Field(
        description="formats of Python's strptime, such as '%d.%m.%y'; the first that fits counts; empty: found"
    )
    day_first: bool | None = Field(
        description="whether 03/04/2012 is the 3rd of April; null: rows that could be either are rejected"
    )

    @field_validator("formats")
    @classmethod
    def _formats_can_be_read(cls, formats: list[str]) -> list[str]:
        some = datetime(2011, 1, 20, 5, tzinfo=UTC)
        for form in formats:
            try:
                datetime.strptime(some.strftime(form), form)
            except ValueError as error:
                raise ValueError(f"{form!r} is no format of dates ({error})") from None
        return formats


Policy = Literal["keep", "reject", "forward_fill"] | Constant


class NormaliseTable(Section):
    """The columns of a table by their kind, and what becomes of their cells; others are left out."""

    number: list[str] = Field(description="columns of numbers")
    category: list[str] = Field(description="columns of names, codes or anything else of which there are a few")
    date: list[str] = Field(description="columns of days, or of moments")
    boolean: list[str] = Field(description="columns that say yes or no, in English, or 1 or 0")
    text: list[str] = Field(description="columns of words")
    missing: dict[Name, Policy] = Field(
        description="kind or column: what becomes of a missing cell. keep: it stays so, and the model sees that; "
        "reject: the row is; forward_fill: the cell of the row before; {constant: …}: that"
    )
    absent: list[str] = Field(description="what stands in a cell that holds nothing, in any letter case")
    unreadable: Literal["missing", "reject"] = Field(
        description="what becomes of a cell that is none of its kind, such as a word among numbers"
    )
    ranges: dict[Name, Annotated[list[Bound], Field(min_length=2, max_length=2)]] = Field(
        description="column of numbers or dates: [lowest, highest] that may be; null: no bound"
    )
    outside: Literal["missing", "clip", "reject"] = Field(description="what becomes of a cell outside of its range")
    decimal: Literal[".", ","] = Field(description="the decimal mark of numbers")
    thousands: Literal["", ",", ".", " ", "'", "_"] = Field(description="the mark between thousands, or empty: none")
    dates: Dates = Field(description="how dates are written")

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        kind_of: dict[str, str] = {}
        for kind in OF_KIND:
            for name in getattr(self, kind):
                if name in kind_of:
                    first = kind_of[name]
                    raise ValueError(
                        f"{kind} and {first} both list {name!r}; name it once"
                        if kind != first
                        else f"{kind} lists {name!r} twice"
                    )
                kind_of[name] = kind
        if not kind_of:
            raise ValueError(f"no column is listed; name those that are to be learnt from under {', '.join(OF_KIND)}")
        for name in self.missing:
            if name not in kind_of and name not in OF_KIND:
                raise ValueError(f"missing.{name} is neither a column that is listed nor one of {', '.join(OF_KIND)}")
        for name, (low, high) in self.ranges.items():
            _range(name, kind_of.get(name), low, high)
        if self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}")
        self._constants_are_of_their_kind(kind_of)
        return self

    def _constants_are_of_their_kind(self, kind_of: Mapping[str, str]) -> None:
        """Refuse what stands for a missing cell where a cell that says so would not be read."""
        from chainrule.fields import cells
        from chainrule.fields.reject import Reject

        read = cells.readers(decimal=self.decimal, thousands=self.thousands, dates=self.dates.model_dump())
        for name, policy in self.missing.items():
            if not isinstance(policy, Constant):
                continue
            kind = kind_of.get(name, name)
            try:
                read[kind](policy.constant)
            except Reject as error:
                raise ValueError(f"missing.{name}.constant: {policy.constant!r} is no {kind} ({error})") from None


def _range(name: str, kind: str | None, low: Bound, high: Bound) -> None:
    """Refuse a range that no cell can be in, or that is of no numbers and no dates."""
    if kind not in ("number", "date"):
        raise ValueError(
            f"ranges.{name} is of {f'a {kind}' if kind else 'no column that is listed'}; numbers and dates have one"
        )
    bounds = [bound for bound in (low, high) if bound is not None]
    if kind == "number" and any(isinstance(bound, str) or math.isnan(bound) for bound in bounds):
        raise ValueError(f"ranges.{name}: {bounds} are no numbers")
    if kind == "date":
        for bound in bounds:
            try:
                datetime.fromisoformat(str(bound))
            except ValueError:
                raise ValueError(f"ranges.{name}: {bound!r} is no date; write it as '2011-01-20', in quotes") from None
    if len(bounds) == 2 and bounds[0] > bounds[1]:  # type: ignore[operator]
        raise ValueError(f"ranges.{name}: {low} is above {high}")


class NormaliseInteraction(Section):
    """Which columns say who met what, and what is told of both; others are left out."""

    user: Name = Field(description="column of who: a number, a name, any mark that is one user's own")
    item: Name = Field(description="column of what was met, chosen or rated")
    number: list[str] = Field(description="columns of numbers that tell of the user or of the item")
    category: list[str] = Field(description="columns of names that tell of the user or of the item")
    of_item: list[str] = Field(description="which of these columns tell of the item; the others tell of the user")
    absent: list[str] = Field(description="what stands in a cell that holds nothing, in any letter case")
    decimal: Literal[".", ","] = Field(description="the decimal mark of numbers")
    thousands: Literal["", ",", ".", " ", "'", "_"] = Field(description="the mark between thousands, or empty: none")
    longest: int = Field(
        ge=1, le=10_000, description="characters of a user or an item; rows with longer ones are rejected"
    )
    ratings: Annotated[list[float | None], Field(min_length=2, max_length=2)] | None = Field(
        description="[lowest, highest] rating there is; others are rejected; null: any"
    )

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        named = [self.user, self.item, *self.number, *self.category]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"user, item, number and category name {twice!r} twice; name it once")
        for name in self.of_item:
            if name not in (*self.number, *self.category):
                raise ValueError(f"of_item names {name!r}, which neither number nor category lists")
        if reserved := {"user", "item"} & {*self.number, *self.category}:
            raise ValueError(f"{', '.join(sorted(reserved))} cannot be a feature's name; rename the column")
        low, high = self.ratings or (None, None)
        if low is not None and high is not None and low > high:
            raise ValueError(f"ratings: {low:g} is above {high:g}")
        if self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}")
        return self


class AugmentImage(Section):
    """A copy is turned, moved and scaled by a random amount up to these."""

    degrees: float = Field(ge=0, le=180, description="largest rotation, both ways")
    shift: float = Field(ge=0, le=0.5, description="largest displacement as a share of the side")
    scale: float = Field(ge=0, le=0.5, description="largest change of size as a share")
    crop: float = Field(
        default=1.0, gt=0, le=1, description="smallest share of the area that is cut out to fill the image; 1: all"
    )
    flip: bool = Field(default=False, description="whether half the copies are mirrored left to right")
    vertical_flip: bool = Field(default=False, description="whether half the copies are mirrored top to bottom")
    colour: float = Field(
        default=0.0, ge=0, le=1, description="most by which brightness, contrast, saturation differ from 1"
    )
    blur: float = Field(default=0.0, ge=0, le=1, description="share of the copies that are blurred")
    noise: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="largest standard deviation of what is added to levels, as a share of 255",
    )
    erase: float = Field(
        default=0.0, ge=0, le=0.5, description="largest share of the area that half the copies lose to noise"
    )


class AugmentText(Section):
    """A copy loses words and has neighbours swapped (Wei & Zou 2019)."""

    delete: float = Field(ge=0, lt=1, description="share of the words that are left out")
    swap: float = Field(ge=0, le=1, description="share of the words that change places with the next")
    typos: float = Field(
        default=0.0, ge=0, le=1, description="share of the words with a slip: letters swapped, left out, doubled"
    )
    keyboard: Literal["qwerty", "qwertz", "azerty", "jcuken"] | None = Field(
        default=None, description="whose neighbouring keys are hit as well; null: none, as in any script"
    )


class AugmentTable(Section):
    """A copy has noise on its numbers, and cells that are missing."""

    noise: float = Field(
        ge=0, le=1, description="standard deviation of what a number is changed by, as a share of the number"
    )
    dropout: float = Field(ge=0, lt=1, description="share of the cells that become missing")


class AugmentInteraction(Section):
    """A copy lacks some of what is told of user and item."""

    dropout: float = Field(ge=0, lt=1, description="share of the features that become missing")


class AugmentAudio(Section):
    """A copy is played at another speed, moved in time, louder or softer, and noisier, by up to these."""

    shift: float = Field(ge=0, le=60, description="largest displacement in seconds, both ways")
    gain: float = Field(ge=0, le=60, description="largest change of the level in decibels, both ways")
    speed: float = Field(ge=0, le=0.5, description="largest change of the speed, and the pitch, as a share")
    noise: float = Field(ge=0, le=1, description="largest level of white noise, as a share of the sound's own")


class NormaliseImageText(Section):
    """Images and texts, each by its own rules."""

    image: NormaliseImage = Field(description="of the images, as modality image has it")
    text: NormaliseText = Field(description="of the texts, as modality text has it")


class AugmentImageText(Section):
    """A copy is of an altered image and an altered text."""

    image: AugmentImage = Field(description="of the images, as modality image has it")
    text: AugmentText = Field(description="of the texts, as modality text has it")


class ModalityEntry(NamedTuple):
    """What the check of params.yaml knows of a modality."""

    normalise: type[Section]
    augment: type[Section]


MODALITIES: dict[str, ModalityEntry] = {
    "audio": ModalityEntry(NormaliseAudio, AugmentAudio),
    "image": ModalityEntry(NormaliseImage, AugmentImage),
    "image_text": ModalityEntry(NormaliseImageText, AugmentImageText),
    "interaction": ModalityEntry(NormaliseInteraction, AugmentInteraction),
    "table": ModalityEntry(NormaliseTable, AugmentTable),
    "text": ModalityEntry(NormaliseText, AugmentText),
}

TARGETS = (
    "answer",
    "boxes",
    "label",
    "labels",
    "mask",
    "number",
    "spans",
    "wording",
    "continuation",
    "neighbours",
    "click",
    "rating",
)
KINDS = ("audio", "image", "interaction", "table", "text", *TARGETS)
"""What a field may be of: a modality of several kinds is none."""
