"""The modalities by name, as a training sees them: `pretrain.tokenizer` and `distort`."""

from typing import Literal, NamedTuple

from pydantic import Field

from chainrule.recipes.file import Section


class DistortImage(Section):
    """What happens to the images of each training batch."""

    window: int = Field(
        default=0,
        ge=0,
        le=4096,
        description="side in pixels of a square that is cut out of image and mask, of large ones; 0: whole, as needs "
        "whoever has no mask",
    )
    shift: int = Field(ge=0, le=64, description="largest displacement in pixels, both ways")
    flip: bool = Field(description="whether half the images are mirrored left to right")
    vertical_flip: bool = Field(default=False, description="whether half the images are mirrored top to bottom")
    crop: float = Field(gt=0, le=1, description="smallest share of the area that is cut out to fill the image; 1: all")
    degrees: float = Field(ge=0, le=180, description="largest turn, both ways")
    scale: float = Field(default=0.0, ge=0, le=0.5, description="largest change of size as a share, both ways")
    randaugment: int = Field(ge=0, le=8, description="operations of RandAugment on each image; 0: none")
    magnitude: int | None = Field(ge=0, le=30, description="their strength; null: drawn for each, as in TrivialAugment")
    colour: float = Field(ge=0, le=1, description="most by which brightness, contrast, saturation differ from 1")
    grey: float = Field(ge=0, le=1, description="share of the images that lose their colours")
    blur: float = Field(ge=0, le=1, description="share of the images that are blurred")
    noise: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="largest deviation of the noise on levels, as a share of 255",
    )
    erase: int = Field(ge=0, le=512, description="side in pixels of a square that is greyed out; 0: none")
    mixup: float = Field(ge=0, le=10, description="alpha of mixup, in fine-tuning only; 0: none")
    cutmix: float = Field(ge=0, le=10, description="alpha of CutMix, in fine-tuning only; 0: none")


class DistortText(Section):
    """What happens to the texts of each training batch."""

    drop: float = Field(ge=0, lt=1, description="share of the tokens that become unknown")


class Windows(Section):
    """How a text that is longer than a window becomes several."""

    overlap: int = Field(
        ge=0, le=2048, description="tokens that a window shares with the one before, at most a quarter of max_length"
    )
    most: int = Field(ge=1, le=1024, description="windows of a text; what is behind the last is left out, and counted")


class Tokenizer(Section):
    """A tokenizer, trained on training and unlabelled rows."""

    kind: Literal["byte_pairs", "bytes", "characters", "words"] = Field(
        description="what the tokens are: parts of words, of bytes (nothing is unknown, blanks count), characters, or "
        "whole words, of which the rare ones are unknown"
    )
    vocabulary: int = Field(ge=100, le=500_000, description="largest number of tokens")
    max_length: int = Field(
        ge=4,
        le=8192,
        description="tokens of a text that are kept, its two ends included; by default as many as the net takes",
    )
    windows: Windows | None = Field(
        default=None, description="overlapping windows of max_length tokens each; null: a longer text is cut"
    )
    ends: bool = Field(
        default=True, description="whether a token marks where a text ends; false for rows cut out of longer texts"
    )


class DistortTable(Section):
    """What happens to the rows of each training batch."""

    noise: float = Field(
        ge=0, le=1, description="spread of what is added to numbers, in standard deviations of their column; 0: none"
    )
    dropout: float = Field(ge=0, lt=1, description="share of the cells that go missing")


class Missing(Section):
    """What stands for a cell that is missing, by what training rows told."""

    number: Literal["median", "mean"] = Field(
        description="of the column; that there was a gap is an input of its own where training rows have some"
    )
    category: Literal["own", "most_frequent"] = Field(description="own: missing is a category like others")


class FeatureTokenizer(Section):
    """How columns become features, by what training rows told."""

    missing: Missing = Field(description="what stands for a cell that is missing")
    bins: int = Field(
        ge=1,
        le=1000,
        description="pieces that a number's range is cut into, with as many different training values in each",
    )
    fewest: int = Field(
        ge=1, le=10_000, description="training rows that a category needs to be told from others that are rare"
    )
    words: int = Field(ge=1, le=1000, description="words of a text that are read")
    buckets: int = Field(ge=1, le=1_000_000, description="numbers that words share by their hash")


class DistortAudio(Section):
    """What happens to the sounds of each training batch."""

    shift: float = Field(
        ge=0, le=60, description="seconds by which a sound shorter than what the net hears may lie from the middle"
    )
    gain: float = Field(ge=0, le=60, description="largest change of the level in decibels, both ways; 0: none")
    noise: float = Field(ge=0, le=1, description="largest level of white noise, as a share of the sound's own; 0: none")
    equaliser: float = Field(
        ge=0, le=40, description="decibels, both ways, by which bands differ, as microphones and rooms do; 0: none"
    )
    time_mask: float = Field(ge=0, le=60, description="most seconds that fall silent at once (SpecAugment); 0: none")
    frequency_mask: float = Field(
        ge=0, le=1, description="largest share of the mel scale that falls silent at once (SpecAugment); 0: none"
    )
    masks: int = Field(ge=0, le=8, description="how many of each fall silent")


class Spectrogram(Section):
    """How sounds become pictures of their spectrum, inside the graph."""

    seconds: float | None = Field(
        gt=0,
        le=600,
        description="what the net hears of a sound: longer ones are cut (in training anywhere, else to their middle), "
        "silence fills up shorter ones; null: all of all but 2% of the training rows, 10 s at most",
    )
    bands: int = Field(ge=8, le=512, description="mel bands")
    window: float = Field(gt=0, le=1, description="seconds that a spectrum sees")
    hop: float = Field(gt=0, le=1, description="seconds from one spectrum to the next")
    low: float = Field(ge=0, description="lowest frequency in Hz")
    high: float | None = Field(gt=0, description="highest frequency in Hz; null: half the rate")
    level: Literal["sound", "as_is"] = Field(
        description="sound: the loudest of each sound is 0 dB, so that its level tells nothing; as_is: it does"
    )
    colour: float = Field(
        ge=0,
        le=1,
        description="share of each band's mean over a sound that is taken away, so that microphones and rooms tell "
        "less (cepstral mean normalisation); 0: none",
    )


class DistortImageText(Section):
    """What happens to the images and the texts of each training batch."""

    hide: float = Field(
        ge=0, lt=1, description="share of the rows with both that lose one of them, so that either may be missing later"
    )
    image: DistortImage = Field(description="of the images, as modality image has it; nothing is mixed")
    text: DistortText = Field(description="of the texts, as modality text has it")


class DistortInteraction(Section):
    """What happens to the rows of each training batch."""

    unknown: float = Field(
        ge=0,
        lt=1,
        description="share of the users, and of the items, that become unknown: so what is said of strangers is learnt",
    )


class InteractionTokenizer(Section):
    """How features become numbers, by what training rows told."""

    fewest: int = Field(ge=1, le=10_000, description="training rows that a category needs to be told apart")


class InputsEntry(NamedTuple):
    """What the check of params.yaml knows of a modality's inputs; tokenizer None: must be null."""

    distort: type[Section]
    tokenizer: type[Section] | None


INPUTS: dict[str, InputsEntry] = {
    "audio": InputsEntry(DistortAudio, Spectrogram),
    "image": InputsEntry(DistortImage, None),
    "image_text": InputsEntry(DistortImageText, Tokenizer),
    "interaction": InputsEntry(DistortInteraction, InteractionTokenizer),
    "table": InputsEntry(DistortTable, FeatureTokenizer),
    "text": InputsEntry(DistortText, Tokenizer),
}
