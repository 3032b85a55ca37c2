"""The `export` section."""

from typing import Literal

from pydantic import Field

from chainrule.params.file import Section

Wish = Literal["measured", "always", "never"]


class Variants(Section):
    """Smaller and faster forms of the graph, and what each must keep and gain to ship."""

    int8: Wish = Field(
        default="measured",
        description="for CPUs; measured: ships if it is faster here; always: faster or not; never: not made",
    )
    fp16: Wish = Field(
        default="measured", description="for GPUs, likewise; without a GPU here `measured` does not ship it"
    )
    faster: float = Field(default=1.1, ge=1, le=10, description="least speed-up over fp32, at batch 1 and at batch 32")
    loses: float = Field(default=0.005, ge=0, le=0.1, description="most accuracy lost on validation rows, as a share")
    calibration: int = Field(
        default=256, ge=1, le=10_000, description="training rows that calibrate int8 of a conv net"
    )


class Export(Section):
    """How close the ONNX graph must be to the model it came from, and which variants of it ship."""

    tolerance: float = Field(gt=0, le=0.1, description="largest absolute difference of a logit")
    agreement: float = Field(gt=0, le=1, description="least share of validation rows with the same prediction")
    variants: Variants = Variants()
