"""The `augment` section."""

from typing import Any

from pydantic import Field

from chainrule.recipes.file import Section


class Augment(Section):
    """Altered copies of training rows, made once and versioned; alterations per batch are under finetune.distort."""

    copies: int = Field(ge=0, le=100, description="altered copies of each training row")
    options: dict[str, Any] = Field(description="how the modality's copies are altered")
