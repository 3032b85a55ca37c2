"""The `export` section."""

from typing import Literal

from pydantic import Field

from chainrule.recipes.file import Section

Wish = Literal["measured", "always", "never"]


class Variants(Section):
    """Smaller and faster forms of the graph, and what each must keep and gain to ship."""

    int8: Wish = Field(
        default="measured",
        description="for CPUs; measured: ships if it is as right and smaller; always: smaller or not; never: not made",
    )
    fp16: Wish = Field(default="measured", description="for GPUs, likewise")
    smaller: float = Field(
        default=1.5, ge=1, le=10, description="how many times smaller than the fp32 graph a variant must be"
    )
    loses: float = Field(
        default=0.005,
        ge=0,
        description="the most that may be lost on validation rows of the metric that decides, in its unit: of accuracy "
        "or F1 a share of at most 0.1, of an error in the target's own",
    )
    calibration: int = Field(default=256, ge=1, le=10_000, description="training rows that calibrate int8")


class Export(Section):
    """How close the ONNX graph must be to the model it came from, and which variants of it ship."""

    tolerance: float = Field(
        default=0.0005,
        gt=0,
        le=0.1,
        description="largest difference of an output, of numbers in standard deviations of the target",
    )
    agreement: float = Field(default=1.0, gt=0, le=1, description="least share of validation rows with the same answer")
    variants: Variants = Variants()
