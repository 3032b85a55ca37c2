"""The `split` section."""

from typing import Literal, Self

from pydantic import Field, model_validator

from chainrule.recipes.file import Section


class Time(Section):
    """The newest rows are held out instead of groups by chance; `{}` takes every default."""

    format: str | None = Field(
        default=None,
        min_length=2,
        description="how times are written, such as %d.%m.%Y; null: numbers, or dates as 2011-12-31",
    )
    validation: str | None = Field(
        default=None, description="validation begins here, as a text in quotes such as '2015-06-01'; null: by share"
    )
    test: str | None = Field(default=None, description="the test begins here; null: by share")

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.validation is None) != (self.test is None):
            raise ValueError("validation and test begin both at a fixed time, or neither does")
        return self


class Split(Section):
    """Shares of the groups that validation and test get; rows of an official part keep it."""

    test: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="share of the groups held back for the test; 0 only where there is an official test part",
    )
    validation: float = Field(
        default=0.15, gt=0, lt=1, description="share of the groups for selection and early stopping"
    )
    seed: int | None = Field(
        default=None,
        description="draws which groups are held out; null: the recipe's own seed. Recipes that differ in `seed` alone "
        "and share this one have the same rows in each split, as members of an ensemble must",
    )
    tolerance: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="largest deviation of a split's size and of a class's share, relative to what is asked; more only "
        "where chance gives it with as few groups",
    )
    by: Literal["groups", "within_groups", "time"] = Field(
        default="groups",
        description="groups: none is cut; within_groups: each gives of its own rows, as users do of their ratings, by "
        "chance or, with `time`, the newest; time: every row from a moment on is held out, whosever it is",
    )
    time: Time | None = Field(
        default=None,
        description="hold out the newest groups, by the source's column `time`, with the same shares; null: any, or, "
        "where rows are split by time, as `{}`",
    )
