"""The machine that a first recipe is chosen for, in the rough numbers that such a choice needs."""

from dataclasses import dataclass

GPU_CORES = 200.0
"""So many cores a GPU is counted as."""
TEXT_SPEED, IMAGE_SPEED = 130e9, 25e9
"""Products and sums a second on a core: of transformers, and of the narrow convolutions of image nets (measured on two
cores with AVX-512 BF16; docs/new.md)."""
MINUTES = 30.0
"""So long a first training may take by estimate."""


@dataclass(frozen=True)
class Machine:
    """What a training has."""

    cores: int
    gpu: bool

    @property
    def speed(self) -> float:
        """As many cores as compute alike."""
        return GPU_CORES if self.gpu else float(self.cores)


def this_machine() -> Machine:
    """Return what this machine has."""
    from chainrule.serving.runtime import cores, gpu

    return Machine(cores(), gpu())


def spoken(minutes: float) -> str:
    """Say how long something takes."""
    return "a minute" if minutes < 1.5 else f"{minutes:.0f} minutes"


def called(machine: Machine) -> str:
    """Say what something runs on."""
    return "a GPU" if machine.gpu else f"{machine.cores} cores"
