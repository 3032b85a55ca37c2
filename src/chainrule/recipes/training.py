"""What pretraining and fine-tuning share: how long, how fast, on which schedule."""

from typing import Any, Literal

from pydantic import Field

from chainrule.recipes.file import Section


class Audit(Section):
    """A look at the gradients while they come (`training.audit`)."""

    every: int = Field(default=10, ge=1, le=100_000, description="updates from one look at the gradients to the next")


class Launch(Section):
    """Several processes for one training, started by torchrun."""

    processes: int = Field(default=1, ge=1, le=64, description="processes on each host; on GPUs each has its own")
    hosts: int = Field(default=1, ge=1, le=1_024, description="machines, on each of which the same is started")
    address: str | None = Field(
        default=None, description="host:port of the first machine, at which the others find it; needed with several"
    )
    shard: bool = Field(
        default=False, description="whether weights and optimizer are cut into shares (FSDP); false: each has all (DDP)"
    )


class Training(Section):
    """One training: its plug-ins' options are checked against the tables beside the plug-ins."""

    epochs: int = Field(ge=1, le=10_000, description="passes over the training rows")
    batch_size: int = Field(ge=1, le=65_536, description="rows per step, of all processes together")
    accumulation: int = Field(default=1, ge=1, le=1_024, description="batches whose gradients make one update")
    optimizer: Literal["sgd", "momentum", "nesterov", "adam", "adamw", "adafactor", "muon"] = Field(
        description="sgd: plain gradient descent; momentum, nesterov: with 0.9 of it"
    )
    learning_rate: float = Field(gt=0, le=10, description="peak learning rate")
    weight_decay: float = Field(ge=0, le=1, description="on weights of two and more dimensions only")
    schedule: Literal["constant", "linear", "cosine", "one_cycle", "plateau"] = Field(
        description="course of the learning rate after the warm-up; plateau: a fifth after two epochs without a gain"
    )
    warm_up: float = Field(ge=0, lt=1, description="share of the updates until the peak learning rate")
    l1: float = Field(default=0.0, ge=0, le=1, description="of the magnitudes of weights of two and more dimensions")
    gradient_clip: float | None = Field(default=None, gt=0, description="largest gradient norm; null: no limit")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto", description="auto: bf16, or fp16 on older GPUs, where the net gains and the hardware has it"
    )
    ema: float | None = Field(
        default=None, gt=0, lt=1, description="decay of a moving average of the weights, which is kept; null: none"
    )
    patience: int | None = Field(
        default=None, ge=1, description="epochs without a better one until it stops; null: never"
    )
    launch: Launch | None = Field(default=None, description="several processes or machines; null: one process")
    distort: dict[str, Any] = Field(description="alterations of each training batch, by modality")
    audit: Audit | None = Field(default=Audit(), description="what the gradients do in each layer; null: not looked at")


class Pretrain(Section):
    """Learning from inputs alone; `training: null` with objective `none` begins fine-tuning from random weights."""

    objective: dict[str, Any] = Field(description="what is predicted, by name, with its options")
    tokenizer: dict[str, Any] | None = Field(description="how text becomes tokens; null for images")
    training: Training | None = Field(description="null only with the objective `none`")


class Finetune(Training):
    """Learning from labels."""

    strategy: dict[str, Any] = Field(description="which weights learn, by name, with its options")
    loss: dict[str, Any] = Field(description="what a mistake costs, by name, with its options")
    freeze_norms: bool = Field(
        default=False, description="whether normalisation keeps its weights and statistics, whatever the strategy"
    )
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="share of the target spread over all classes")
    naive_bayes: bool = Field(
        default=False,
        description="of a label of a text: whether counts of tokens and of pairs of them are mixed with what the net "
        "says, weighed by validation rows",
    )
    batch_tokens: int | None = Field(
        default=None,
        ge=16,
        le=4_194_304,
        description="where a text is written for a text: tokens of both per step at most, padding included; null: any",
    )
