"""What recipes say of sources that are files of texts, for the full check of params.yaml."""

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


Prefix = Annotated[
    str | None,
    Field(description="how a label begins; null: __label__ where the first line begins so, else the first word is it"),
]


class LabelLinesBatch(BatchOptions):
    """Text files whose lines are a label and a text."""

    modalities = ("text",)
    gives = ("text", "label", "labels")

    files: dict[BatchPart, Name] = Field(
        min_length=1,
        description="unlabelled, or all: file names, as a pattern such as *.txt; the first that fits counts",
    )
    prefix: Prefix
    encoding: Encoding | None = Field(description=ENCODING)


class LabelLinesOptions(SourceOptions):
    """Text files whose lines are a label and a text, as fastText's."""

    modalities = ("text",)
    gives = ("text", "label", "labels")
    tested = True

    files: OwnFiles | None = Field(
        description="part of the split, or all: file name; null: path is one file, or the names of its files say it"
    )
    prefix: Prefix
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


WordColumns = Annotated[
    dict[Literal["text", "spans"], Column] | None,
    Field(
        description="text: the column of the word, spans: that of its tag, by number from 0 or by the name in the "
        "first line; null: the first and the last"
    ),
]
Delimiter = Annotated[Name | None, Field(description="what stands between columns; null: a tab, or else blanks")]
Tagging = Annotated[Scheme | None, Field(description="how tags mark spans; null: it is found, and said")]
Between = Annotated[
    str | None,
    Field(description="what stands between words of the text; null: a blank, or nothing where words are characters"),
]
Unit = Annotated[
    Literal["sentence", "document"],
    Field(description="what a row is; document: all sentences of one, where lines -DOCSTART- mark them"),
]


class ConllBatch(BatchOptions):
    """Text files with a word and its tag in each line."""

    modalities = ("text",)
    gives = ("text", "spans")

    files: dict[BatchPart, Name] = Field(
        min_length=1,
        description="unlabelled, or all: file names, as a pattern such as *.conll; the first that fits counts",
    )
    columns: WordColumns
    delimiter: Delimiter
    scheme: Tagging
    between: Between
    rows: Unit
    encoding: Encoding | None = Field(description=ENCODING)


class ConllOptions(SourceOptions):
    """Files of words and their tags, as of CoNLL's shared tasks."""

    modalities = ("text",)
    gives = ("text", "spans")
    tested = True

    files: OwnFiles | None = Field(
        description="part of the split, or all: file name; null: path is one file, or the names of its files say it"
    )
    columns: WordColumns
    delimiter: Delimiter
    scheme: Tagging
    between: Between
    rows: Unit
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


class _LongTexts(BatchOptions):
    """Plain text files: what is a text, and a row of it."""

    modalities = ("text",)
    gives = ("text", "continuation")

    texts: Literal["file", "paragraph", "line"] = Field(
        description="what is one text: a file, a paragraph (set apart by empty lines) or a line"
    )
    cut: int = Field(ge=16, le=1_000_000, description="characters of a row at most; a longer text is several rows")
    tagged: bool = Field(description="words are written word/tag, as in Brown's corpus; the tags are left out")
    encoding: Encoding | None = Field(description=ENCODING)


class LongTextsBatch(_LongTexts):
    """Plain text files."""

    files: dict[BatchPart, Name] = Field(
        min_length=1, description="all, unlabelled: pattern of names; the first that a name fits counts"
    )


class LongTextsOptions(_LongTexts, SourceOptions):
    """Plain text: one long text, a folder or an archive of texts, or texts one after another in a file."""

    tested = True

    files: OwnFiles | None = Field(
        description="part of the split, or all: file name; null: every file, and their names may say the parts"
    )
    hold_out: HeldOut | None = Field(
        description="validation, test: share of every text, its end, that is held out; null: texts are held out whole"
    )
    block: int = Field(ge=1, le=10_000, description="rows of a text of which an end is held out that are one group")
