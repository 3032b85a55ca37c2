"""What `chainrule serve` is told."""

from dataclasses import dataclass, field
from pathlib import Path

from chainrule.serving.limits import Limits

TOKEN_VARIABLE = "CHAINRULE_TOKEN"  # noqa: S105 - the name of a variable, no secret


@dataclass(frozen=True)
class Settings:
    """How one server runs."""

    root: Path
    """The project: bundles are looked for in its models/ folder."""
    host: str = "127.0.0.1"
    port: int = 8080
    """0 takes a free one; the log says which."""
    device: str = "auto"
    """auto, cpu, cuda or tensorrt."""
    variant: str | None = None
    """fp32, int8 or fp16; None takes what ships for the device."""
    threads: int = 0
    """Runs of one model at once; 0: as many as suit the device."""
    registry: str | None = None
    """An MLflow server (http...) whose champions are fetched; None serves what is on disk."""
    names: tuple[str, ...] = ()
    """Host names that requests may be addressed to, beside loopback names, when there is no token."""
    token: str | None = field(default=None, repr=False)
    """What every request must bring as `Authorization: Bearer`; None asks for nothing."""
    observe: float = 0.0
    """The share of items that is written to data/observed with its answers; 0: none."""
    observe_megabytes: int = 64
    """The most that a model's observed items take on disk, in MiB; the oldest go."""
    limits: Limits = field(default_factory=Limits)
