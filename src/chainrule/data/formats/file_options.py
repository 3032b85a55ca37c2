"""What recipes say of sources that are folders, lines and arrays, for the full check of params.yaml."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from chainrule.data.formats.conll import Scheme
from chainrule.data.formats.folders import part_of
from chainrule.data.formats.options import (
    ENCODING,
    BatchOptions,
    BatchPart,
    Column,
    Encoding,
    Name,
    OwnFiles,
    Part,
    SourceOptions,
)


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("names a class twice")
    return names


Classes = Annotated[list[Name], Field(min_length=2, max_length=256), AfterValidator(_distinct)]
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


def one_group(pattern: str | None) -> str | None:
    """Return a regular expression, if it is one, with one ( ); else ValueError. None stays."""
    if pattern is not None:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        if groups != 1:
            raise ValueError(f"has {groups} groups, put ( ) around exactly one part")
    return pattern


class _ClassFolders(BatchOptions):
    """Files in folders, one folder per class."""

    group_pattern: str | None = Field(
        description="regular expression whose one ( ) finds in a file name what a split keeps whole, or null"
    )

    @field_validator("group_pattern")
    @classmethod
    def _one_group(cls, pattern: str | None) -> str | None:
        return one_group(pattern)


class ImageFolderBatch(_ClassFolders):
    """Image files in folders, one folder per class."""

    modalities = ("image",)
    gives = ("image", "label")


class ImageFolderOptions(ImageFolderBatch, SourceOptions):
    """Folders of image files, one per class, or archives of them."""

    tested = True

    parts: PartLists | None = Field(description=PART_LISTS)


class AudioFolderBatch(_ClassFolders):
    """Sound files in folders, one folder per class, or with names that say the class."""

    modalities = ("audio",)
    gives = ("audio", "label")

    label_pattern: str | None = Field(
        description="regular expression whose one ( ) finds the label in a file name; null: the folder is the label"
    )

    @field_validator("label_pattern")
    @classmethod
    def _one_label(cls, pattern: str | None) -> str | None:
        return one_group(pattern)


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


def _no_parts(files: dict[str, str]) -> dict[str, str]:
    parts = [label for label in files if part_of(label)]
    if len(parts) == len(files):
        raise ValueError(f"{', '.join(parts)} are parts of a split; labels are needed, one file for each class")
    return files


ClassFiles = Annotated[dict[Name, Name], Field(min_length=2), AfterValidator(_no_parts)]


class ClassFilesBatch(BatchOptions):
    """Text files, each of one class."""

    modalities = ("text",)
    gives = ("text", "label")

    files: ClassFiles = Field(
        description="label: file names, as a pattern such as good*.txt; the first that fits counts"
    )
    encoding: Encoding | None = Field(description=ENCODING)


class ClassFilesOptions(SourceOptions):
    """Text files, one per class."""

    modalities = ("text",)
    gives = ("text", "label")

    files: ClassFiles | None = Field(
        description="label: file name, one text file per class; null: the names of the files say it"
    )
    encoding: Encoding | None = Field(description=ENCODING)


class LabelLinesBatch(BatchOptions):
    """Text files whose lines are a label and a text."""

    modalities = ("text",)
    gives = ("text", "label", "labels")

    files: dict[BatchPart, Name] = Field(
        min_length=1,
        description="unlabelled, or all: file names, as a pattern such as *.txt; the first that fits counts",
    )
    prefix: str | None = Field(
        description="how a label begins; null: __label__ where the first line begins so, else the first word is it"
    )
    encoding: Encoding | None = Field(description=ENCODING)


class LabelLinesOptions(SourceOptions):
    """Text files whose lines are a label and a text, as fastText's."""

    modalities = ("text",)
    gives = ("text", "label", "labels")
    tested = True

    files: OwnFiles | None = Field(
        description="part of the split, or all: file name; null: path is one file, or the names of its files say it"
    )
    prefix: str | None = Field(
        description="how a label begins; null: __label__ where the first line begins so, else the first word is it"
    )
    encoding: Encoding | None = Field(description=ENCODING)


Stems = Name | Annotated[list[Name], Field(min_length=1)]


class LinePairsOptions(SourceOptions):
    """Pairs of text files, line by line: a text, and what is to be written for it."""

    modalities = ("text",)
    gives = ("source", "translation")
    tested = True

    sides: Annotated[list[Name], Field(min_length=2, max_length=2)] = Field(
        description="endings of the files that are read and of those that are written, such as [en, de]; .gz aside"
    )
    files: Annotated[dict[Part, Stems], Field(min_length=1)] | None = Field(
        description="part of the split, or all: what is in front of the ending, one or several; null: the names say it"
    )
    encoding: Encoding | None = Field(description=ENCODING)

    @field_validator("sides")
    @classmethod
    def _two_sides(cls, sides: list[str]) -> list[str]:
        if sides[0] == sides[1]:
            raise ValueError(f"names {sides[0]!r} twice; one side is read, the other written")
        return sides

    @field_validator("files")
    @classmethod
    def _each_once(cls, files: dict[str, str | list[str]] | None) -> dict[str, str | list[str]] | None:
        named = [stem for own in (files or {}).values() for stem in ([own] if isinstance(own, str) else own)]
        if len(set(named)) < len(named):
            raise ValueError("names one pair of files twice; rows of both would be tested and trained on")
        return files


WordColumns = dict[Literal["text", "spans"], Column]
WORD_COLUMNS = (
    "text: the column of the word, spans: that of its tag, by number from 0 or by the name in the first line; null: "
    "the first and the last"
)


class ConllBatch(BatchOptions):
    """Text files with a word and its tag in each line."""

    modalities = ("text",)
    gives = ("text", "spans")

    files: dict[BatchPart, Name] = Field(
        min_length=1,
        description="unlabelled, or all: file names, as a pattern such as *.conll; the first that fits counts",
    )
    columns: WordColumns | None = Field(description=WORD_COLUMNS)
    delimiter: Name | None = Field(description="what stands between columns; null: a tab, or else blanks")
    scheme: Scheme | None = Field(description="how tags mark spans; null: it is found, and said")
    between: str | None = Field(
        description="what stands between words of the text; null: a blank, or nothing where words are characters"
    )
    rows: Literal["sentence", "document"] = Field(
        description="what a row is; document: all sentences of one, where lines -DOCSTART- mark them"
    )
    encoding: Encoding | None = Field(description=ENCODING)


class ConllOptions(SourceOptions):
    """Files of words and their tags, as of CoNLL's shared tasks."""

    modalities = ("text",)
    gives = ("text", "spans")
    tested = True

    files: OwnFiles | None = Field(
        description="part of the split, or all: file name; null: path is one file, or the names of its files say it"
    )
    columns: WordColumns | None = Field(description=WORD_COLUMNS)
    delimiter: Name | None = Field(description="what stands between columns; null: a tab, or else blanks")
    scheme: Scheme | None = Field(description="how tags mark spans; null: it is found, and said")
    between: str | None = Field(
        description="what stands between words of the text; null: a blank, or nothing where words are characters"
    )
    rows: Literal["sentence", "document"] = Field(
        description="what a row is; document: all sentences of one, where lines -DOCSTART- mark them"
    )
    encoding: Encoding | None = Field(description=ENCODING)


class SquadBatch(BatchOptions):
    """SQuAD's JSON."""

    modalities = ("text",)
    gives = ("question", "context", "answers")

    files: dict[BatchPart, Name] = Field(
        min_length=1, description="all, unlabelled: pattern of names; the first that a name fits counts"
    )


class SquadOptions(SourceOptions):
    """SQuAD's JSON: articles of passages, with questions and their answers."""

    modalities = ("text",)
    gives = ("question", "context", "answers")
    tested = True

    files: OwnFiles | None = Field(description="part, or all: file in path; null: path is a file, or the names say it")


def _some_left(shares: dict[str, float]) -> dict[str, float]:
    if sum(shares.values()) >= 1:
        raise ValueError("holds all of a text out; less than 1 in all leaves something to train on")
    return shares


Share = Annotated[float, Field(ge=0, lt=1)]
HeldOut = Annotated[dict[Literal["validation", "test"], Share], Field(min_length=1), AfterValidator(_some_left)]


class LongTextsBatch(BatchOptions):
    """Plain text files."""

    modalities = ("text",)
    gives = ("text", "continuation")

    texts: Literal["file", "paragraph", "line"] = Field(
        description="what is one text: a file, a paragraph (set apart by empty lines) or a line"
    )
    cut: int = Field(ge=16, le=1_000_000, description="characters of a row at most; a longer text is several rows")
    tagged: bool = Field(description="words are written word/tag, as in Brown's corpus; the tags are left out")
    encoding: Encoding | None = Field(description=ENCODING)


class LongTextsOptions(LongTextsBatch, SourceOptions):
    """Plain text: one long text, a folder or an archive of texts, or texts one after another in a file."""

    tested = True

    files: OwnFiles | None = Field(
        description="part of the split, or all: file name; null: every file, and their names may say the parts"
    )
    hold_out: HeldOut | None = Field(
        description="validation, test: share of every text, its end, that is held out; null: texts are held out whole"
    )
    block: int = Field(ge=1, le=10_000, description="rows of a text of which an end is held out that are one group")
