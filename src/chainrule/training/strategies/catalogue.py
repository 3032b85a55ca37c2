"""The strategies of fine-tuning by name: what each takes in params.yaml under `finetune.strategy`."""

from typing import Any, NamedTuple

from pydantic import Field

from chainrule.recipes.file import Section


class FullOptions(Section):
    """Every weight learns."""


class HeadOnlyOptions(Section):
    """Only the head on top learns."""

    rate: float = Field(gt=0, le=1000, description="its learning rate, as a multiple of finetune.learning_rate")


class GradualOptions(Section):
    """The head learns first, then from the top more of the net in every epoch (ULMFiT)."""

    per_epoch: int = Field(ge=1, le=1000, description="layers that begin to learn at the end of each epoch")


class DiscriminativeOptions(Section):
    """Lower layers learn more slowly (ULMFiT)."""

    decay: float = Field(gt=0, le=1, description="a layer's learning rate as a share of that of the layer above")


class LastLayersOptions(Section):
    """The head and the last layers of the net learn."""

    layers: int = Field(ge=1, le=1000, description="how many of the net's layers learn, counted from the top")


class NamedOptions(Section):
    """The head and what is named learn."""

    learn: list[str] = Field(
        min_length=1, description="globs of names of modules or weights, such as net.layer4.* or net.*.bias"
    )


class LoraOptions(Section):
    """The head and low-rank adapters learn, which are added to the net at the end (LoRA)."""

    rank: int = Field(ge=1, le=1024, description="rank of what is added to a matrix")
    alpha: int = Field(ge=1, le=10_000, description="alpha / rank scales what is added")
    targets: list[str] | None = Field(
        min_length=1, description="globs of names of modules; null: every linear layer and convolution but depthwise"
    )


class DistillationOptions(Section):
    """The base is a teacher, whose answers are learnt beside the targets."""

    weight: float = Field(ge=0, le=1, description="share of the teacher's answers in the loss; the rest is the task's")
    temperature: float = Field(gt=0, le=100, description="what softens both answers; a number has none to soften")
    features: float = Field(ge=0, le=100, description="weight of the distance between projected features; 0: none")


class IncrementalOptions(Section):
    """The base learns on, from rows that it has not seen."""

    replay: float = Field(ge=0, le=1, description="share of the rows that it has seen that are learnt again")


class JointOptions(Section):
    """The base's own task is learnt along, on the same net."""

    weight: float = Field(gt=0, le=100, description="of the loss of the base's task")


class AdversarialOptions(Section):
    """Every weight learns, from images that are moved against the model in every step (PGD)."""

    epsilon: float = Field(gt=0, le=255, description="how far a pixel is moved at most, of 255 levels")
    steps: int = Field(ge=1, le=100, description="steps of the attack; each costs about as much as a step of training")
    step_size: float | None = Field(
        gt=0, le=255, description="of 255 levels; null: 2.5 times epsilon over the steps, at most 1.25 times epsilon"
    )


DEFAULTS: dict[str, dict[str, Any]] = {
    "full": {},
    "head_only": {"rate": 10.0},
    "gradual": {"per_epoch": 1},
    "discriminative": {"decay": 0.8},
    "last_layers": {"layers": 1},
    "named": {},
    "lora": {"rank": 16, "alpha": 32, "targets": None},
    "distillation": {"weight": 0.5, "temperature": 2.0, "features": 0.0},
    "incremental": {"replay": 0.2},
    "joint": {"weight": 1.0},
    "adversarial": {"epsilon": 8.0, "steps": 3, "step_size": None},
}
"""What each starts with; a literal, of which dvc.yaml lists the recipe's strategy."""


class StrategyEntry(NamedTuple):
    """What the check of params.yaml and the fetching of a base know of a strategy.

    bases: those that it works with; None: all. teacher: the base is no start. rows: the base brings its training rows.
    modality: of the inputs that it works with; None: all.
    """

    options: type[Section]
    bases: tuple[str, ...] | None = None
    teacher: bool = False
    rows: bool = False
    modality: str | None = None


STRATEGIES: dict[str, StrategyEntry] = {
    "full": StrategyEntry(FullOptions),
    "head_only": StrategyEntry(HeadOnlyOptions),
    "gradual": StrategyEntry(GradualOptions),
    "discriminative": StrategyEntry(DiscriminativeOptions),
    "last_layers": StrategyEntry(LastLayersOptions),
    "named": StrategyEntry(NamedOptions),
    "lora": StrategyEntry(LoraOptions),
    "distillation": StrategyEntry(DistillationOptions, ("finetuned", "mlflow"), teacher=True),
    "incremental": StrategyEntry(IncrementalOptions, ("finetuned", "mlflow")),
    "joint": StrategyEntry(JointOptions, ("finetuned",), rows=True),
    "adversarial": StrategyEntry(AdversarialOptions, modality="image"),
}
