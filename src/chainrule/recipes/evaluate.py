"""The `evaluate` section."""

from typing import Annotated, Literal

from pydantic import Field

from chainrule.recipes.file import Section


class Robustness(Section):
    """How the model's answers hold when validation rows are altered, and when they are moved against it."""

    rows: int = Field(default=50, ge=0, le=100_000, description="rows that are altered; 0: none")
    severities: list[Annotated[int, Field(ge=1, le=5)]] = Field(
        default=[1, 3, 5], min_length=1, description="how much they are altered"
    )
    corruptions: list[str] | None = Field(
        default=None, description="how they are altered, by name (docs/robustness.md); null: in every way there is"
    )
    strengths: list[Annotated[float, Field(gt=0)]] | None = Field(
        default=None,
        description="how far attacks move them: pixels by levels of 255, numbers by standard deviations, texts by "
        "shares of their words; [] for no attack, null for some that suit the modality",
    )
    steps: int = Field(default=10, ge=1, le=1000, description="steps of PGD")
    queries: int = Field(default=60, ge=6, le=100_000, description="questions about one text that is attacked")
    work: int = Field(
        default=600, ge=1, le=10_000_000, description="most multiply-adds of all of it, in thousand millions"
    )


class Examine(Section):
    """How closely the fine-tuned model is looked at, on validation rows."""

    rows: int = Field(default=2000, ge=10, le=1_000_000, description="most validation rows that are looked at")
    explained: int = Field(default=4, ge=0, le=100, description="rows whose answers are explained; 0: none")
    explain_runs: int = Field(
        default=256, ge=16, le=100_000, description="runs of the model for one row and each way to explain it"
    )
    explain_steps: int = Field(
        default=64, ge=4, le=10_000, description="steps of integrated gradients; doubled until they add up to 1%"
    )
    layer: int | None = Field(
        default=None, ge=1, le=1000, description="layer whose attention is drawn, 1 the first; null: the last"
    )
    map: Literal["pca", "tsne"] = Field(
        default="pca", description="how rows are laid out on a map: by principal components, or by t-SNE (some seconds)"
    )
    robustness: Robustness = Robustness()
    worst: int = Field(default=8, ge=0, le=200, description="rows of each sort on the error page; 0: none")
    slices: int = Field(default=12, ge=0, le=200, description="most slices that are shown; 0: none are looked for")
    slice_rows: int = Field(default=20, ge=5, le=100_000, description="fewest rows of a slice")
    passes: int = Field(
        default=10, ge=0, le=1000, description="answers to a row with dropout at work; 0 leaves dropout unasked"
    )
    surface_steps: int = Field(
        default=5, ge=0, le=50, description="points of the loss surface to each side of the weights; 0: no surface"
    )
    surface_rows: int = Field(default=200, ge=1, le=100_000, description="most validation rows of the loss surface")
    surface_work: int = Field(
        default=30, ge=1, le=10_000_000, description="most multiply-adds of the loss surface, in thousand millions"
    )


class Uncertainty(Section):
    """What an answer says of its doubt; validation rows tell from where on, test rows what that is worth."""

    sets: Literal["lac", "aps"] = Field(
        default="lac",
        description="sets of labels; lac: the smallest on average; aps: as likely to hold the label of a hard row",
    )
    share: float = Field(default=0.9, ge=0.5, le=0.999, description="of rows whose true label the sets are to hold")
    risk: float = Field(
        default=0.05, gt=0, le=0.5, description="most wrong answers among those that are not said to be unsure, a share"
    )
    alarms: float = Field(
        default=0.05, gt=0, le=0.5, description="of rows like the training's that may be taken for foreign, a share"
    )


class Evaluate(Section):
    """How the scores on the test split get their intervals, and how closely the model is looked at."""

    resamples: int = Field(default=1000, ge=100, le=100_000, description="bootstrap resamples of the test groups")
    by: list[str] = Field(
        default=[],
        max_length=20,
        description="what test rows are grouped by, to see who bears the errors: columns of a table, the target (its "
        "classes), or group",
    )
    uncertainty: Uncertainty = Uncertainty()
    examine: Examine = Examine()
