"""Steps per second of training, evaluation and export, by how long OpenMP's waiting threads spin, alone and in company.

The threads of torch's OpenMP (libgomp) that wait for the others spin, by default for milliseconds, before they sleep:
beside another busy process each wait burns the time slice that the awaited thread needs. GOMP_SPINCOUNT bounds it.

Works, each with two threads: a transformer (4 layers, 128 wide, batches of 32×48 tokens) and a ResNet-9 (16 wide,
batches of 128 images of 28×28) trained in the precision of `auto`, the same two answering, the transformer in ONNX
Runtime as `export` compares it and a floor's logistic regression (whose own threads do not read the variable: they
are there to see that nothing changes).

Two processes per work and bound are made once and measured on command, so that all bounds of one work are measured by
turns within seconds: beside nothing, beside one and beside two busy Python processes, and both at once under the same
bound (two recipes at once; the sum of both). The figures are medians of --rounds turns of --seconds each.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import common

VARIABLE = "GOMP_SPINCOUNT"
BOUNDS = ("default", "0", "300", "1000", "3000", "10000", "30000")
WORKS = ("text train", "image train", "text answer", "image answer", "text onnx", "floor")
BUSY = "while True: pass"
COMPANY = {"quiet": 0, "one busy": 1, "two busy": 2}
TWO = "two at once"
CHOSEN = "3000"
AT_MOST_SLOWER = 0.97


def main() -> None:
    """Run the benchmark, or one work of it."""
    parser = common.arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each bound")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    parser.add_argument("--works", nargs="*", choices=WORKS, default=list(WORKS))
    parser.add_argument("--bounds", nargs="*", default=list(BOUNDS))
    parser.add_argument("--company", nargs="*", choices=[*COMPANY, TWO], default=[*COMPANY, TWO])
    parser.add_argument("--threads", type=int, default=2, help="of each work")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        serve(WORKS_BY_NAME[options.one](options.threads))
        return
    at_start = common.machine()
    figures: dict[str, Any] = {name: compare(name, options) for name in options.works}
    figures["targets"] = [
        common.target(
            f"{name}, {CHOSEN} beside the default, quiet",
            found["quiet"][CHOSEN]["median"] / found["quiet"]["default"]["median"],
            ">=",
            AT_MOST_SLOWER,
        )
        for name, found in list(figures.items())
        if {CHOSEN, "default"} <= set(options.bounds) and "quiet" in found
    ]
    kept = {name: getattr(options, name) for name in ("rounds", "seconds", "works", "bounds", "company", "threads")}
    common.write_result(options.results, "spinning", at_start, kept, figures)


def compare(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return steps per second of one work, by company and bound."""
    with processes(name, options.bounds, options.threads) as workers:
        rates: dict[str, dict[str, list[float]]] = {
            company: {bound: [] for bound in options.bounds} for company in options.company
        }
        for _ in range(options.rounds):
            for company in (name for name in COMPANY if name in options.company):
                with busy(COMPANY[company]):
                    for bound, (first, _) in workers.items():
                        rates[company][bound] += measure([first], options.seconds)
            for bound, both in workers.items() if TWO in options.company else ():
                rates[TWO][bound].append(sum(measure(both, options.seconds)))
    for company, found in rates.items():
        medians = "  ".join(f"{bound} {statistics.median(values):.2f}" for bound, values in found.items())
        print(f"{name}, {company}: {medians}", flush=True)
    return {
        company: {bound: common.spread(values, 3) for bound, values in found.items()}
        for company, found in rates.items()
    }


@contextmanager
def processes(name: str, bounds: Sequence[str], threads: int) -> Any:
    """Start two processes of the work per bound and wait until they are warm; they end with the block."""
    workers = {bound: [start(name, bound, threads) for _ in range(2)] for bound in bounds}
    try:
        for pair in workers.values():
            measure(pair[:1], 0.5)
            measure(pair[1:], 0.5)
        yield workers
    finally:
        for process in (process for pair in workers.values() for process in pair):
            process.kill()
            process.wait()


def start(name: str, bound: str, threads: int) -> subprocess.Popen[str]:
    """Start a process of one work under one bound."""
    env = common.environment(common.ROOT) | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    # Set to the empty string it is no number, and libgomp goes by its default; the package would set its own otherwise.
    env[VARIABLE] = "" if bound == "default" else bound
    command = [sys.executable, __file__, "--one", name, "--threads", str(threads)]
    return subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


@contextmanager
def busy(count: int) -> Any:
    """Keep `count` Python processes busy for the block."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure(workers: Sequence[subprocess.Popen[str]], seconds: float) -> list[float]:
    """Let the processes work at the same time for `seconds` and return the steps per second of each."""
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(f"{seconds}\n")
        worker.stdin.flush()
    found = []
    for worker in workers:
        assert worker.stdout is not None
        found.append(float(json.loads(worker.stdout.readline())))
    return found


def serve(step: Callable[[], None]) -> None:
    """Read seconds from stdin, work as long, and print steps per second; until stdin ends."""
    step()
    for line in sys.stdin:
        began, steps = time.perf_counter(), 0
        while time.perf_counter() - began < float(line):
            step()
            steps += 1
        print(steps / (time.perf_counter() - began), flush=True)


def transformer(threads: int) -> tuple[Any, dict[str, Any]]:
    """Return a text classifier and one batch of its inputs."""
    import torch

    from chainrule.nets import encoder
    from chainrule.tasks.text_classification import model as task
    from chainrule.training import device

    device.prepare(threads)
    torch.manual_seed(0)
    facts = {"vocabulary": 2000, "pad_id": 0, "max_length": 96}
    net = encoder.build(
        2000, 0, arch="bert", layers=4, width=128, heads=4, feed_forward=512, max_length=96, dropout=0.0
    )
    ids = torch.randint(1, facts["vocabulary"], (32, 48))
    model = task.build(net, facts, {"classes": ["a", "b"]})
    return model, {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def resnet(threads: int) -> tuple[Any, dict[str, Any]]:
    """Return an image classifier and one batch of its inputs."""
    import torch

    from chainrule.nets import resnet9
    from chainrule.training import device

    device.prepare(threads)
    torch.manual_seed(0)
    model = torch.nn.Sequential(resnet9.build(1, width=16, dropout=0.0), torch.nn.Linear(128, 10))
    images = torch.rand(128, 1, 28, 28)
    return model.to(memory_format=torch.channels_last), {"input": images.to(memory_format=torch.channels_last)}


def trained(model: Any, inputs: dict[str, Any]) -> Callable[[], None]:
    """Return one step of a training in bf16."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    labels = torch.zeros(len(next(iter(inputs.values()))), dtype=torch.long)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            answer = model(**inputs)
            logits = answer["logits"] if isinstance(answer, dict) else answer
            loss = torch.nn.functional.cross_entropy(logits.float(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    return step


def answering(model: Any, inputs: dict[str, Any]) -> Callable[[], None]:
    """Return one batch of answers."""
    import torch

    model.eval()

    def step() -> None:
        with torch.no_grad():
            model(**inputs)

    return step


def onnx(threads: int) -> Callable[[], None]:
    """Return one batch of answers of the transformer in ONNX Runtime."""
    from chainrule.exporting import graph
    from chainrule.serving import offline

    model, inputs = transformer(threads)
    axes = {name: {0: "batch", 1: "sequence"} for name in inputs}
    session = offline.session(graph.to_onnx(model, inputs, axes).SerializeToString(), "graph", threads)
    feed = {name: tensor.numpy() for name, tensor in inputs.items()}
    return lambda: session.run(None, feed)


def floor(threads: int) -> Callable[[], None]:
    """Return one fit of a few iterations of a logistic regression on pixels."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    pixels, labels = random.random((2000, 784), np.float32), random.integers(0, 10, 2000)
    return lambda: LogisticRegression(max_iter=5, tol=0).fit(pixels, labels)


WORKS_BY_NAME: dict[str, Callable[[int], Callable[[], None]]] = {
    "text train": lambda threads: trained(*transformer(threads)),
    "image train": lambda threads: trained(*resnet(threads)),
    "text answer": lambda threads: answering(*transformer(threads)),
    "image answer": lambda threads: answering(*resnet(threads)),
    "text onnx": onnx,
    "floor": floor,
}


if __name__ == "__main__":
    main()
