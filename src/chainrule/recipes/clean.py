"""The `clean` section."""

from typing import Annotated, Any, Literal

from pydantic import Field

from chainrule.recipes.file import Section

Name = Annotated[str, Field(min_length=1)]


class Labels(Section):
    """What classes are called, whatever the source calls them."""

    case: Literal["keep", "lower"] = Field(
        default="keep", description="lower: Cat and cat are one class; names below are then compared so, too"
    )
    map: dict[Name, Name] = Field(
        default={}, description="label: what it is called instead; two of one name become one class"
    )
    drop: list[Name] = Field(
        default=[], description="labels, as they are called then, whose rows are rejected; of a set they are taken out"
    )


class Clean(Section):
    """How raw rows are normalised and what counts as the same example."""

    normalise: dict[str, Any] = Field(description="options of the modality's normalisation")
    near_duplicates: float = Field(
        ge=0,
        le=1,
        description="text: least Jaccard similarity of word 3-shingles; image: largest mean absolute pixel difference, "
        "less for images that are mostly one level; table: 1, equal rows stay together, or 0, they may part",
    )
    most_bad: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="share of the rows that may be unreadable or unusable (copies aside); more of them stop the chain",
    )
    labels: Labels = Field(default=Labels(), description="labels in lower case, renamed, merged or dropped")
    contradictions: Literal["reject", "majority"] = Field(
        default="reject",
        description="rows of the same inputs whose labels contradict each other: all are rejected, or all but one of "
        "the label that most of them have, where there is one",
    )
