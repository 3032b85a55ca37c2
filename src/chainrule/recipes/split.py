"""The `split` section."""

from pydantic import Field

from chainrule.recipes.file import Section


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
    tolerance: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="largest deviation of a split's size and of a class's share, relative to what is asked; more only "
        "where chance gives it with as few groups",
    )
