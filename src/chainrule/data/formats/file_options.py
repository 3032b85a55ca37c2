"""What recipes say of sources that are folders and arrays, for the full check of params.yaml."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from chainrule.data.formats.options import (
    ENCODING,
    BatchOptions,
    Encoding,
    Name,
    OwnFiles,
    SourceOptions,
)


def distinct(names: list[str]) -> list[str]:
    """Return names of classes; ValueError where one is there twice."""
    if len(set(names)) < len(names):
        raise ValueError("names a class twice")
    return names


Classes = Annotated[list[Name], Field(min_length=2, max_length=256), AfterValidator(distinct)]
PartLists = Annotated[dict[Literal["train", "validation", "test"], Name], Field(min_length=1)]
PART_LISTS = "part: text file in path whose lines name files; null: the folders say the parts, if there are any"
Pair = Annotated[list[Name], Field(min_length=2, max_length=2)]


class IdxOptions(SourceOptions):
    """IDX files of images and labels."""

    modalities = ("image",)
    gives = ("image", "label")
    tested = True

    classes: Classes = Field(description="names of the labels 0, 1, …")


class ArraysOptions(SourceOptions):
    """NumPy arrays of images and labels, in a .npz file or in .npy files."""

    modalities = ("image",)
    gives = ("image", "label")
    tested = True

    arrays: Annotated[dict[Literal["train", "validation", "test", "all"], Pair], Field(min_length=1)] | None = Field(
        description="part, or all: names of the arrays of images and of labels; null: the names say it"
    )
    classes: Classes | None = Field(description="names of the labels 0, 1, …; null: a number is its own name")


class CifarOptions(SourceOptions):
    """CIFAR-10 and CIFAR-100 as published, in pickled or binary batches."""

    modalities = ("image",)
    gives = ("image", "label")
    tested = True

    labels: Literal["fine", "coarse"] = Field(
        description="of CIFAR-100 the 100 classes (fine), or the 20 groups of them (coarse)"
    )


def _one_group(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    if groups != 1:
        raise ValueError(f"has {groups} groups, put ( ) around exactly one part")
    return pattern


Pattern = Annotated[str, AfterValidator(_one_group)]
GroupPattern = Annotated[
    Pattern | None,
    Field(description="regular expression whose one ( ) finds in a file name what a split keeps whole, or null"),
]


class _ClassFolders(BatchOptions):
    """Files in folders, one folder per class."""

    group_pattern: GroupPattern


class _Labelled(_ClassFolders):
    """Files in folders, one folder per class, or with names that say the class."""

    label_pattern: Pattern | None = Field(
        description="regular expression whose one ( ) finds the label in a file name; null: the folder is the label"
    )


class ImageFolderBatch(_Labelled):
    """Image files in folders, one folder per class, or with names that say the class."""

    modalities = ("image",)
    gives = ("image", "label")


class ImageFolderOptions(ImageFolderBatch, SourceOptions):
    """Image files, in one folder per class or named by their class, or archives of them."""

    tested = True

    parts: PartLists | None = Field(description=PART_LISTS)
    block: int | None = Field(
        ge=2,
        le=1_000_000,
        description="without a group_pattern: so many files with following numbers in their names are kept together, "
        "of whatever class, as a camera numbers the photographs of a sitting; null: each by itself",
    )


class AudioFolderBatch(_Labelled):
    """Sound files in folders, one folder per class, or with names that say the class."""

    modalities = ("audio",)
    gives = ("audio", "label")


class AudioFolderOptions(AudioFolderBatch, SourceOptions):
    """Sound files, one folder per class or named by their class, or archives of them."""

    tested = True

    parts: PartLists | None = Field(description=PART_LISTS)


Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class MaskFolderBatch(_ClassFolders):
    """Images and their masks."""

    modalities = ("image",)
    gives = ("image", "mask")

    images: Name | None = Field(description="name of the folder of images; null: image, images, JPEGImages, …")
    masks_in: Name | None = Field(
        description="name of the folder of masks; null: mask, masks, label, labels, annotations, …"
    )
    classes: (
        Annotated[dict[Annotated[int, Field(ge=0, lt=65_536)], Name], Field(min_length=2, max_length=255)]
        | Classes
        | None
    ) = Field(description="names of the levels 0, 1, … of masks, or level: name; null: found")
    colours: Annotated[dict[Name, Colour], Field(min_length=2, max_length=255)] | None = Field(
        description="class: its colour in masks, as '#ff0000'; null: found"
    )
    ignore: list[Annotated[int, Field(ge=0, lt=65_536)] | Colour] | None = Field(
        description="levels or colours of pixels that are of no class; null: 255, unless there are but two levels"
    )
    block: int | None = Field(
        ge=2,
        le=1_000_000,
        description="so many images with following numbers in their names are kept together, as slices of a volume and "
        "frames of a film; null: each by itself",
    )


class MaskFolderOptions(MaskFolderBatch, SourceOptions):
    """Images and masks by file name, in two folders or beside each other, or archives of them."""

    tested = True


class TextFolderBatch(_ClassFolders):
    """Text files in folders, one folder per class."""

    modalities = ("text",)
    gives = ("text", "label")

    encoding: Encoding | None = Field(description=ENCODING)


class TextFolderOptions(TextFolderBatch, SourceOptions):
    """Folders of text files, one per class, or archives of them."""

    tested = True

    parts: PartLists | None = Field(description=PART_LISTS)


class ImageQuestionsOptions(SourceOptions):
    """Questions about images in JSON beside the images, as VQA, CLEVR and easy-VQA have them."""

    modalities = ("image_text",)
    gives = ("image", "text", "label")
    tested = True

    files: OwnFiles | None = Field(description="part, or all: JSON file below path; null: the names say it")
