"""The `export` section."""

from pydantic import Field

from chainrule.params.file import Section


class Export(Section):
    """How close the ONNX graph must be to the model it came from."""

    tolerance: float = Field(gt=0, le=0.1, description="largest absolute difference of a logit")
    agreement: float = Field(gt=0, le=1, description="least share of validation rows with the same prediction")
