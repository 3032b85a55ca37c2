"""The `clean` section."""

from typing import Any

from pydantic import Field

from chainrule.recipes.file import Section


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
