"""The `evaluate` section."""

from pydantic import Field

from chainrule.recipes.file import Section


class Examine(Section):
    """How closely the fine-tuned model is looked at, on validation rows."""

    rows: int = Field(default=2000, ge=10, le=1_000_000, description="most validation rows that are looked at")


class Evaluate(Section):
    """How the scores on the test split get their intervals, and how closely the model is looked at."""

    resamples: int = Field(default=1000, ge=100, le=100_000, description="bootstrap resamples of the test groups")
    examine: Examine = Examine()
