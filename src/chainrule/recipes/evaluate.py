"""The `evaluate` section."""

from pydantic import Field

from chainrule.recipes.file import Section


class Evaluate(Section):
    """How the scores on the test split get their intervals."""

    resamples: int = Field(default=1000, ge=100, le=100_000, description="bootstrap resamples of the test groups")
