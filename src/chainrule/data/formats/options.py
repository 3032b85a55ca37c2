"""What recipes say of every source, for the full check of params.yaml."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Part = Literal["train", "validation", "test", "unlabelled", "all"]
BatchPart = Literal["unlabelled", "all"]
Name = Annotated[str, Field(min_length=1)]
Column = Name | Annotated[int, Field(ge=0)]
FieldColumns = dict[Name, Column | Annotated[list[Column], Field(min_length=1)]]


def _known_encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError(f"{error}; such as utf-8, gb18030, big5, shift_jis, euc_kr, cp1251, cp1252, utf-16") from error
    return name


Encoding = Annotated[str, AfterValidator(_known_encoding)]
ENCODING = "encoding of the text files, such as gb18030; null: it is found for each file as a whole, and said"


def _own_files(files: dict[Part, str]) -> dict[Part, str]:
    if len(set(files.values())) < len(files):
        raise ValueError("names one file for two parts; rows of both would be tested and trained on")
    return files


OwnFiles = Annotated[dict[Part, Name], Field(min_length=1), AfterValidator(_own_files)]


class BatchOptions(BaseModel):
    """Files of a kind, wherever they are: the fields are keyword arguments of the source's `read`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    modalities: ClassVar[tuple[Literal["audio", "image", "image_text", "interaction", "text", "table"], ...]]
    gives: ClassVar[tuple[str, ...] | None] = None  # the fields of its rows; None: those that it is asked for


class SourceOptions(BatchOptions):
    """What every source has; the other fields of a subclass are the keyword arguments of its `read`."""

    path: Name = Field(description="the file or directory of the source, from the root of the repository")

    tested: ClassVar[bool] = False  # whether rows may come with an official test part
