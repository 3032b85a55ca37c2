"""The kinds of sources and their options, for the full check of params.yaml."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from chainrule.data.formats.file_options import (
    ArraysOptions,
    CifarOptions,
    ClassFilesBatch,
    ClassFilesOptions,
    IdxOptions,
    ImageFolderBatch,
    ImageFolderOptions,
    LabelLinesBatch,
    LabelLinesOptions,
    TextFolderBatch,
    TextFolderOptions,
)
from chainrule.data.formats.options import (
    ENCODING,
    BatchOptions,
    BatchPart,
    Column,
    Encoding,
    Name,
    OwnFiles,
    SourceOptions,
)
from chainrule.data.sources import digits, reviews


class DigitsOptions(SourceOptions):
    """The digits bundled with scikit-learn."""

    modalities = ("image",)
    gives = digits.GIVES

    block: int = Field(
        ge=1, le=1797, description="consecutive images that a split keeps together (writers are in runs)"
    )


FieldColumns = dict[Name, Column | Annotated[list[Column], Field(min_length=1)]]


class _Table(BatchOptions):
    """Tables: which column is which field, and how its cells are written."""

    columns: FieldColumns | None = Field(
        description="field: its column, a name or a number from 0 (of a set of labels also a list of columns that say "
        "1 or 0, one for each label); a field that is left out is the column of its own name",
    )
    delimiter: str = Field(description="one character between columns, such as a tab")
    quoting: bool = Field(description="whether double quotes enclose cells (CSV) or are characters like others")
    header: bool = Field(description="whether the first line names the columns")
    labels: dict[str, Name] | None = Field(description="value in the file: label name, or null to take the values")
    separator: Name = Field(description="what stands between the labels of one cell; a JSON list needs none")
    decimal: Literal[".", ","] = Field(description="the decimal mark of numbers")
    group: Column | None = Field(description="column of what a split keeps together, or null: every row by itself")
    time: Column | None = Field(description="column of when a row is of, for split.time, or null: rows have no time")
    encoding: Encoding | None = Field(description=ENCODING)
    max_cell: int = Field(ge=1, description="characters of the longest cell; a row with a longer one is rejected")

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str) -> str:
        if delimiter.strip().lower() in ("tab", "\\t"):
            raise ValueError('a tab is written "\\t", in double quotes')
        if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
            raise ValueError('one ASCII character other than a quote and a line end is needed, such as "," or "\\t"')
        return delimiter

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
        places = [("columns." + field, column) for field, column in columns.items()]
        places += [(key, own) for key, own in (("group", self.group), ("time", self.time)) if own is not None]
        flat = [(key, one) for key, column in places for one in (column if isinstance(column, list) else [column])]
        named = list(dict.fromkeys(key for key, one in flat if isinstance(one, str)))
        if named and not self.header:
            raise ValueError(f"without a header {' and '.join(named)} must be column numbers, counted from 0")
        flat = [(key, one) for key, one in flat if key not in ("group", "time")]
        of_fields = [one for _, one in flat]
        twice = next((one for one in of_fields if of_fields.count(one) > 1), None)
        if twice is not None:
            fields = " and ".join(
                dict.fromkeys(key for key, one in flat if one == twice and key not in ("group", "time"))
            )
            raise ValueError(f"{fields} name one column twice, {twice!r}; name two")
        return self


class _Delimited(_Table):
    modalities = ("text", "table")


class DelimitedBatch(_Delimited):
    """CSV and TSV files; an official part is the source's alone, new rows are split or unlabelled."""

    files: dict[BatchPart, Name] = Field(
        min_length=1,
        description="unlabelled, or all: file names, as a pattern such as *.csv; the first that fits counts",
    )


class DelimitedOptions(_Delimited, SourceOptions):
    """CSV and TSV files."""

    tested = True

    files: OwnFiles | None = Field(description="part of the split, or all: file name; left out where path is one file")


class _ImageTable(_Table):
    modalities = ("image",)


class ImageTableBatch(_ImageTable):
    """CSV and TSV files that name images beside them; an official part is the source's alone."""

    files: dict[BatchPart, Name] = Field(
        min_length=1,
        description="unlabelled, or all: names of the tables, as a pattern such as *.csv; the first that fits counts",
    )


class ImageTableOptions(_ImageTable, SourceOptions):
    """CSV and TSV files that name images beside them."""

    tested = True

    files: OwnFiles = Field(description="part of the split, or all: name of the table in path")


class ReviewsOptions(SourceOptions):
    """Synthetic reviews."""

    modalities = ("text",)
    gives = reviews.GIVES

    seed: int = Field(ge=0, description="seed of the generator; the same seed gives the same rows everywhere")
    labelled: int = Field(ge=1, le=1_000_000, description="number of labelled rows, planted dirt included")
    unlabelled: int = Field(ge=0, le=10_000_000, description="number of rows of the part unlabelled")


DEFAULTS: dict[str, dict[str, Any]] = {
    "arrays": {"arrays": None, "classes": None},
    "cifar": {"labels": "fine"},
    "class_files": {"files": None, "encoding": None},
    "delimited": {
        "files": None,
        "columns": None,
        "delimiter": ",",
        "quoting": True,
        "header": True,
        "labels": None,
        "separator": ",",
        "decimal": ".",
        "group": None,
        "time": None,
        "encoding": None,
        "max_cell": 1_000_000,
    },
    "digits": {"block": 45},  # images in file order: so writers stay on one side of a split
    "idx": {},
    "image_folder": {"group_pattern": None},
    "image_table": {
        "columns": None,
        "delimiter": ",",
        "quoting": True,
        "header": True,
        "labels": None,
        "separator": ",",
        "decimal": ".",
        "group": None,
        "time": None,
        "encoding": None,
        "max_cell": 1_000_000,
    },
    "label_lines": {"files": None, "prefix": None, "encoding": None},
    "reviews": {"seed": 7, "labelled": 6000, "unlabelled": 20_000},
    "text_folder": {"group_pattern": None, "encoding": None},
}
"""What each source starts with; a literal, of which dvc.yaml lists the recipe's kind."""

BATCH_DEFAULTS: dict[str, dict[str, Any]] = {
    "class_files": {"encoding": None},
    "delimited": {
        "files": {"unlabelled": "*.unlabelled.csv", "all": "*.csv"},  # the first pattern that a name fits
        "columns": None,
        "delimiter": ",",
        "quoting": True,
        "header": True,
        "labels": None,
        "separator": ",",
        "decimal": ".",
        "group": None,
        "time": None,
        "encoding": None,
        "max_cell": 1_000_000,
    },
    "image_folder": {"group_pattern": None},
    "image_table": {
        "files": {"unlabelled": "*.unlabelled.csv", "all": "*.csv"},
        "columns": None,
        "delimiter": ",",
        "quoting": True,
        "header": True,
        "labels": None,
        "separator": ",",
        "decimal": ".",
        "group": None,
        "time": None,
        "encoding": None,
        "max_cell": 1_000_000,
    },
    "label_lines": {"files": {"unlabelled": "*.unlabelled.txt", "all": "*.txt"}, "prefix": None, "encoding": None},
    "text_folder": {"group_pattern": None, "encoding": None},
}
"""The same of new files."""

SOURCES: dict[str, type[SourceOptions]] = {
    "arrays": ArraysOptions,
    "cifar": CifarOptions,
    "class_files": ClassFilesOptions,
    "delimited": DelimitedOptions,
    "digits": DigitsOptions,
    "idx": IdxOptions,
    "image_folder": ImageFolderOptions,
    "image_table": ImageTableOptions,
    "label_lines": LabelLinesOptions,
    "reviews": ReviewsOptions,
    "text_folder": TextFolderOptions,
}

ALSO_CALLED = {
    **dict.fromkeys(("csv", "tsv", "table", "excel", "xlsx", "pandas", "spreadsheet"), "delimited"),
    **dict.fromkeys(("image", "images", "imagenet", "images_folder", "image_dir", "pictures"), "image_folder"),
    **dict.fromkeys(("texts", "text_dir", "texts_folder", "documents", "txt_folder"), "text_folder"),
    **dict.fromkeys(("folder", "folders", "directory"), "image_folder"),
    **dict.fromkeys(("mnist", "fashion_mnist", "ubyte"), "idx"),
    **dict.fromkeys(("txt", "text", "text_files"), "class_files"),
    **dict.fromkeys(("lines", "fasttext", "trec", "labelled_lines", "labeled_lines"), "label_lines"),
    **dict.fromkeys(("numpy", "npz", "npy", "array", "ndarray", "medmnist", "keras"), "arrays"),
    **dict.fromkeys(("cifar10", "cifar100", "cifar_10", "cifar_100", "pickle"), "cifar"),
}
"""What people call the kinds elsewhere."""

INCOMING: dict[str, type[BatchOptions]] = {
    "class_files": ClassFilesBatch,
    "delimited": DelimitedBatch,
    "image_folder": ImageFolderBatch,
    "image_table": ImageTableBatch,
    "label_lines": LabelLinesBatch,
    "text_folder": TextFolderBatch,
}
"""The kinds that read whatever files a folder holds, and so a batch of new ones."""
