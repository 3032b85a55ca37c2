"""What the gradient audit costs: the same training with it and without, by turns in one process.

Three trainings on made-up rows of the usual shapes: DSDNet on 28×28 images, batch 64; BERT-mini (4 layers, 256 wide) on
texts of 24 tokens, batch 8 and batch 32. Each round trains without, with, with and without the audit (every 10 updates,
the default), from the same weights; the ratio of a round is that of the two sums, so that a machine that slows down or
speeds up on the way cancels out. The clock counts the seconds that the process computed on one thread, not those that
it waited for a core. After the first --updates updates the audit costs less: a long training has at most 200 looks.

Target: at most 3% slower.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common

MOST = 1.03
SEED = 7
COURSE: dict[str, Any] = {
    "epochs": 1,
    "learning_rate": 1e-4,
    "weight_decay": 0.01,
    "optimizer": "adamw",
    "schedule": "linear",
    "warm_up": 0.1,
    "gradient_clip": 1.0,
}


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--updates", type=int, default=200, help="of each training")
    parser.add_argument("--rounds", type=int, default=5, help="each of four trainings")
    parser.add_argument("--only", nargs="*", choices=list(TRAININGS), default=list(TRAININGS), help="these alone")
    options = parser.parse_args()
    at_start = common.machine()
    from chainrule.training import device

    device.prepare(1)
    figures: dict[str, Any] = {}
    for name in options.only:
        ratios = [ratio(TRAININGS[name], options.updates) for _ in range(options.rounds)]
        spread = common.spread(ratios, 4)
        print(
            f"{name}: {spread['median']:.3f} of the seconds without ({min(ratios):.3f} to {max(ratios):.3f})",
            flush=True,
        )
        figures[name] = {"ratio": spread, "target": common.target(name, spread["median"], "<=", MOST)}
    kept = {name: getattr(options, name) for name in ("updates", "rounds")}
    common.write_result(options.results, "audit", at_start, kept, figures)


def ratio(training: Callable[[int], tuple[Any, Any, int]], updates: int) -> float:
    """Return how many times longer one round of trainings took with the audit than without."""
    seconds = {False: 0.0, True: 0.0}
    for audited in (False, True, True, False):
        seconds[audited] += timed(*training(updates), audited=audited)
    return seconds[True] / seconds[False]


def timed(objective: Any, inputs: Any, batch_size: int, *, audited: bool) -> float:
    """Train and return the seconds that the process computed, from the first update to validation."""
    from chainrule.recipes.training import Audit as Settings
    from chainrule.stages.audited import Audit
    from chainrule.stages.job import Job
    from chainrule.training import loop
    from chainrule.training.course import Course, Watchers

    course = Course(**{**COURSE, "batch_size": batch_size, "precision": "fp32", "seed": SEED})
    job = Job("finetune", "benchmark", Path(), {"seed": SEED})
    beside = Audit(job, course, Settings().every, objective, inputs).watchers() if audited else {}
    moments: list[float] = []
    watchers = Watchers(on_batch=lambda *_: moments.append(time.process_time()), **beside)
    loop.fit(objective, inputs, inputs.few, course, watchers=watchers)
    return moments[-2] - moments[0]  # the last is told after validation


def images(updates: int) -> tuple[Any, Any, int]:
    """Return DSDNet under its objective, rows for so many updates, and the batch size."""
    import torch

    from chainrule.nets import dsdnet
    from chainrule.training.bodies.image import Model
    from chainrule.training.inputs.image import Inputs
    from chainrule.training.objectives.supervised import Supervised
    from chainrule.training.targets import label

    batch, generator = 64, torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    net = dsdnet.build(1, width=16, depth=2, stages=3, stem=1, kernel=3, dilations=[1, 2], expansion=2, dropout=0.1).to(
        memory_format=torch.channels_last
    )
    facts: dict[str, Any] = {"channels": 1, "height": 28, "width": 28, "mean": [0.5], "std": [0.3]}
    model = Model(net, label, facts, {"classes": [str(digit) for digit in range(10)]})
    pixels = torch.randint(0, 256, (batch * updates, 28, 28, 1), dtype=torch.uint8, generator=generator)
    digits = torch.randint(0, 10, (batch * updates,), generator=generator)
    inputs: Any = Inputs(pixels, digits, facts)
    inputs.few = Inputs(pixels[:batch], digits[:batch], facts)
    return Supervised(model, label.Loss()), inputs, batch


def texts(batch: int) -> Callable[[int], tuple[Any, Any, int]]:
    """Return what makes BERT-mini under its objective, rows for so many updates, and the batch size."""

    def made(updates: int) -> tuple[Any, Any, int]:
        import torch

        from chainrule.nets import encoder
        from chainrule.training.bodies.text import Model
        from chainrule.training.inputs.text import Inputs
        from chainrule.training.objectives.supervised import Supervised
        from chainrule.training.targets import label

        generator = torch.Generator().manual_seed(SEED)
        torch.manual_seed(SEED)
        size: dict[str, Any] = {"arch": "bert", "layers": 4, "width": 256, "heads": 4, "feed_forward": 1024}
        net = encoder.build(8000, 0, max_length=128, dropout=0.1, **size)
        facts: dict[str, Any] = {"pad_id": 0, "unknown_id": 1, "max_length": 128}
        model = Model(net, label, facts, {"classes": ["a", "b"]})
        ids = torch.randint(5, 8000, (batch * updates, 24), generator=generator).tolist()
        labels = torch.arange(batch * updates) % 2
        inputs: Any = Inputs(ids, labels, facts)
        inputs.few = Inputs(ids[:batch], labels[:batch], facts)
        return Supervised(model, label.Loss()), inputs, batch

    return made


TRAININGS = {"images_64": images, "texts_8": texts(8), "texts_32": texts(32)}

if __name__ == "__main__":
    main()
