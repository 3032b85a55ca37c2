"""What recipes say of tables with named columns in any format, for the full check of params.yaml."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from chainrule.data.formats.options import (
    ENCODING,
    BatchOptions,
    BatchPart,
    Column,
    Encoding,
    FieldColumns,
    Name,
    OwnFiles,
    Part,
    SourceOptions,
)
from chainrule.data.sources import torchvision


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("names two columns alike")
    return names


Header = bool | Annotated[list[Name], Field(min_length=1), AfterValidator(_distinct)]
HEADER = "whether the first row names the columns; where none does, false or a list of their names"

SKIP = "lines above the header, or the first row, that are left out: a title, a note"


_BESIDE = ("group", "part", "time")
"""Keys that name a column which is no field's."""


class TableBatch(BatchOptions):
    """Tables of any format: which column is which field, and how targets are written."""

    modalities = ("text", "table", "image", "audio", "image_text", "interaction")

    columns: FieldColumns | None = Field(
        description="field: its column, a name or a number from 0 (of a set of labels also a list of columns that say "
        "1 or 0, one for each label; of a text a list is joined line by line); a field that is left out is the column "
        "of its own name",
    )
    labels: dict[str, Name] | None = Field(description="value in the file: label name, or null to take the values")
    separator: Name = Field(description="what stands between the labels of one cell; a JSON list needs none")
    decimal: Literal[".", ","] = Field(description="the decimal mark of numbers that are texts")
    thousands: Literal["", ",", ".", " ", "'", "_"] = Field(
        description="the mark between the thousands of targets that are texts, or empty: there is none"
    )
    named: Annotated[str, Field(max_length=200, pattern=r"^[^{}]*\{\}[^{}]*$")] = Field(
        description="the file that a cell of an image or a sound names, from the folder of its table; {} stands for "
        "the cell, as in images/{}.jpg"
    )
    group: Column | None = Field(description="column of what a split keeps together, or null: every row by itself")
    time: Column | None = Field(description="column of when a row is of, for split.time, or null: rows have no time")
    max_cell: int = Field(ge=1, description="characters of the longest cell; a row with a longer one is rejected")

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.thousands == self.decimal:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}; they must differ")
        return self

    @model_validator(mode="before")
    @classmethod
    def _as_it_was(cls, given: Any) -> Any:
        old = [name for name in ("text", "label") if isinstance(given, dict) and name in given]
        if old:
            said = ", ".join(f"{name}: {given[name]!r}" for name in old)
            raise ValueError(f"{' and '.join(old)} stand under columns: columns: {{{said}}}")
        return given

    @model_validator(mode="after")
    def _columns_exist(self) -> Self:
        columns = dict(self.columns or {})
        places = [(f"columns.{field}", column) for field, column in columns.items()]
        beside = [(key, getattr(self, key)) for key in _BESIDE if getattr(self, key, None) is not None]
        flat = [(key, one) for key, column in places for one in (column if isinstance(column, list) else [column])]
        named = list(dict.fromkeys(key for key, one in [*flat, *beside] if isinstance(one, str)))
        if named and getattr(self, "header", True) is False:
            raise ValueError(f"without a header {' and '.join(named)} must be column numbers, counted from 0")
        of_fields = [one for _, one in flat]
        twice = next((one for one in of_fields if of_fields.count(one) > 1), None)
        if twice is not None:
            fields = " and ".join(dict.fromkeys(key for key, one in flat if one == twice))
            raise ValueError(f"{fields} name one column twice, {twice!r}; name two")
        return self


class TableOptions(TableBatch, SourceOptions):
    """Tables of a source, which may be in parts."""

    tested = True

    files: OwnFiles | None = Field(description="part of the split, or all: file name; left out where path is one file")
    part: Column | None = Field(
        description="column that names the part of its row (train, validation, test, unlabelled), or null: the files do"
    )

    @model_validator(mode="after")
    def _one_way_to_parts(self) -> Self:
        if self.part is not None and self.files is not None and set(self.files) != {"all"}:
            raise ValueError("part and files both say which rows are which part; leave part out, or name files as all")
        return self


class _Delimited(TableBatch):
    """CSV and TSV files."""

    delimiter: str = Field(
        description="what stands between columns: one character, such as a tab; with quoting: false several, such as ::"
    )
    quoting: bool = Field(description="whether double quotes enclose cells (CSV) or are characters like others")
    header: Header = Field(description=HEADER)
    skip: int = Field(ge=0, le=1000, description=SKIP)
    encoding: Encoding | None = Field(description=ENCODING)

    @field_validator("delimiter")
    @classmethod
    def _characters(cls, delimiter: str) -> str:
        if delimiter.strip().lower() in ("tab", "\\t"):
            raise ValueError('a tab is written "\\t", in double quotes')
        if not 1 <= len(delimiter) <= 8 or not delimiter.isascii() or set(delimiter) & set('"\r\n'):
            raise ValueError('one to eight ASCII characters are needed, no quote and no line end, such as "," or "\\t"')
        return delimiter

    @model_validator(mode="after")
    def _quotes_stand_between_characters(self) -> Self:
        if len(self.delimiter) > 1 and self.quoting:
            raise ValueError(
                f"delimiter {self.delimiter!r}: several characters part columns where quotes are characters like "
                "others; add quoting: false, or name one character"
            )
        return self


class _Excel(TableBatch):
    """Workbooks of Excel."""

    sheet: Name | None = Field(description="name of the sheet, or null: the only one that is shown and holds anything")
    header: Header = Field(description=HEADER)
    skip: int = Field(ge=0, le=1000, description=SKIP)


class _JsonLines(TableBatch):
    """JSON objects, one per line or in a list."""

    encoding: Encoding | None = Field(description=ENCODING)


def _batch(ending: str) -> Any:
    """Return the files of a batch of tables; an official part is the source's alone, new rows have none."""
    return Field(
        min_length=1,
        description=f"unlabelled, or all: file names, as a pattern such as *{ending}; the first that fits counts",
    )


class DelimitedBatch(_Delimited):
    """CSV and TSV files, and the images that they name."""

    files: dict[BatchPart, Name] = _batch(".csv")


class DelimitedOptions(_Delimited, TableOptions):
    """CSV and TSV files."""


class ExcelBatch(_Excel):
    """Workbooks of Excel, and the images that they name."""

    files: dict[BatchPart, Name] = _batch(".xlsx")


class ExcelOptions(_Excel, TableOptions):
    """Workbooks of Excel."""


class JsonLinesBatch(_JsonLines):
    """JSON objects, and the images that they name."""

    files: dict[BatchPart, Name] = _batch(".jsonl")


class JsonLinesOptions(_JsonLines, TableOptions):
    """JSON objects, one per line or in a list."""


class ParquetBatch(TableBatch):
    """Parquet files, and the images that they hold or name."""

    files: dict[BatchPart, Name] = _batch(".parquet")


class ParquetOptions(TableOptions):
    """Parquet files."""


class HubOptions(TableBatch, SourceOptions):
    """A data set of the Hugging Face hub, or a folder of one."""

    tested = True

    splits: dict[Part, Name] | None = Field(description="part of the split, or all: its split; null: by their names")


class SklearnOptions(SourceOptions):
    """A table that comes with scikit-learn."""

    modalities = ("table",)


class TorchvisionOptions(SourceOptions):
    """Images that torchvision knows by name."""

    modalities = ("image",)
    gives = torchvision.GIVES
    tested = True
