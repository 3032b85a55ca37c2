"""The `retrain` section."""

from typing import Annotated

from pydantic import Field

from chainrule.recipes.file import Section


class Robustness(Section):
    """Whether a challenger holds as well as the champion where test rows are altered."""

    margin: float = Field(
        default=0.05,
        ge=0,
        description="how much worse than the champion a challenger may be on altered test rows, by the metric that "
        "decides and in its unit",
    )
    corruptions: list[str] | None = Field(
        default=None, min_length=1, description="how rows are altered (docs/robustness.md); null: in every way there is"
    )
    severities: list[Annotated[int, Field(ge=1, le=5)]] = Field(
        default=[3], min_length=1, description="how much they are altered"
    )
    rows: int = Field(default=200, ge=10, le=1_000_000, description="most test rows that are altered")


class Retrain(Section):
    """When pipelines/retrain.py trains anew, and what a new model must reach; no stage depends on it."""

    rows: int = Field(default=100, ge=1, description="new rows that are worth a training")
    age_days: int | None = Field(
        default=30, ge=1, description="days after which a champion is trained anew anyway, or null: never"
    )
    drift: float | None = Field(
        default=0.01,
        ge=0.002,
        le=0.5,
        description="level of the drift tests, all together; below it new rows are worth a training, or null",
    )
    margin: float = Field(
        default=0.02,
        ge=0,
        description="how much worse than the champion a challenger may be on the test rows, by the metric that decides "
        "and in its unit: of accuracy or F1 a share, of an error in the target's own",
    )
    robustness: Robustness | None = Field(
        default=None, description="a challenger must hold as well where test rows are altered; null: that is not asked"
    )
    below_floor: bool = Field(
        default=False, description="promote a challenger that is under its floor, too: of no use but to a first trial"
    )
