"""Samples per second of one training, five ways: two of transformers' Trainer, two of Chainrule's loop, a bare loop.

The training is BERT-mini (4 layers, 256 wide, 4 heads, 1,024 inside, dropout 0.1) on training sentences of
SST-2 for one epoch, AdamW at 5e-5 falling linearly, gradients clipped at 1. Vocabulary, token ids, rows and the
encoder's first weights are the same for all:

(a) trainer: transformers' Trainer and BertForSequenceClassification as the defaults of its example run_glue.py
    have them: fp32, every row padded to max_seq_length 128, batches of 8 drawn at random. The rows are
    tokenised and padded beforehand, in memory. Its classifier sits on BERT's pooler (a 256 × 256 layer more
    than ours).
(a') grouped: the same Trainer with what its arguments offer for speed: bf16, batches grouped by length and padded
    to their longest row, rounded up to eight.
(b) chainrule: `chainrule.training.loop.fit` with the project's text inputs, encoder and `precision: auto`,
    batches grouped by length, under the settings of a stage (`device.prepare`); no checkpoint is due within so
    short a run.
(b') watched: the same with all that a stage has beside it: the run told to MLflow (journal and sender), the gradient
    audit, progress, and a checkpoint every 5 seconds.
(c) bare: for batch in batches: forward, backward, clip, step. The batches of (b), in the same order, are made
    beforehand; same objective, optimizer, learning rates and precision, no accelerate. That both end with the
    same training loss on a CPU, which the file of figures shows, says that they did the same work.

At batch size 8 for all, and again at --large (32) for all. Every run is a process of its own with the same
number of threads (--threads), runs alternate through the ways for --rounds rounds, and a ratio is one of medians.
The clock of each starts when batch number --warm-up is asked for and stops after the last update; validation is
not in it.

SST-2 is in $CHAINRULE_REAL_DATA/sst2. Targets at batch size 8, of (b'): at least 8 times (a),
1.1 times (a') and 0.9 of (c).
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import common

WAYS = ("trainer", "grouped", "chainrule", "watched", "bare")
LENGTH = 128
VOCABULARY = 8000
SEED = 7
LEARNING_RATE = 5e-5
CLIP = 1.0
NET = {
    "name": "encoder",
    "arch": "bert",
    "layers": 4,
    "width": 256,
    "heads": 4,
    "feed_forward": 1024,
    "max_length": LENGTH,
    "dropout": 0.1,
}
TARGET = {"classes": ["negative", "positive"]}
BLOCK: dict[str, Any] = {"modality": "text", "net": NET}
WANTED = {"watched/trainer": 8, "watched/grouped": 1.1, "watched/bare": 0.9}
SAVE_SECONDS = 5.0


def main() -> None:
    """Run the benchmark, or one run of it."""
    parser = common.arguments(__doc__)
    parser.add_argument("--rows", type=int, default=2000, help="training sentences, from the top of the file")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each way")
    parser.add_argument("--large", type=int, default=32, help="the second batch size; 0: none")
    parser.add_argument("--warm-up", type=int, default=10, help="batches before the clock starts")
    parser.add_argument("--threads", type=int, default=2, help="threads of each run")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS), help="these alone")
    parser.add_argument("--one", nargs=3, metavar=("WAY", "BATCH", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        way, batch_size, folder = options.one
        print(json.dumps(RUNS[way](Path(folder), int(batch_size), options.warm_up, options.threads)))
        return
    at_start = common.machine()
    batch_sizes = [8, *([options.large] if options.large else [])]
    measured: dict[int, dict[str, list[dict[str, Any]]]] = {
        size: {way: [] for way in options.ways} for size in batch_sizes
    }
    with common.temporary_folder() as folder:
        prepare(common.real_data("sst2") / "sst2" / "train.tsv", options.rows, folder)
        for number in range(options.rounds):
            for size in batch_sizes:
                for way in options.ways:
                    found = one(way, size, folder, options)
                    measured[size][way].append(found)
                    print(
                        f"round {number + 1}, batch {size}, {way}: {found['samples_per_second']:.1f} samples/s "
                        f"({found['samples']} in {found['seconds']:.1f} s, {found['precision']})",
                        flush=True,
                    )
    figures: dict[str, Any] = {f"batch_{size}": summary(found) for size, found in measured.items()}
    figures["targets"] = verdicts(figures["batch_8"]["ratios"])
    kept = {name: getattr(options, name) for name in ("rows", "rounds", "large", "warm_up", "threads")}
    common.write_result(options.results, "training_speed", at_start, kept, figures)


def one(way: str, size: int, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Do one run in a process of its own and return what it measured."""
    threads = str(options.threads)
    quiet = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "true"}
    env = os.environ | quiet | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    command = [sys.executable, __file__, "--one", way, str(size), str(folder)]
    command += ["--warm-up", str(options.warm_up), "--threads", threads]
    ended = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        common.stop(f"{way} at batch size {size} failed:\n{ended.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def summary(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the speeds of each way at one batch size, and the ratios of their medians."""
    speeds = {way: common.spread([run["samples_per_second"] for run in runs], 1) for way, runs in found.items()}
    ratios = {
        f"{way}/{other}": round(speeds[way]["median"] / speeds[other]["median"], 3)
        for way, other in itertools.product(("chainrule", "watched"), ("trainer", "grouped", "bare"))
        if way in speeds and other in speeds
    }
    facts = {
        way: {key: runs[0][key] for key in runs[0] if key not in ("seconds", "samples_per_second")}
        for way, runs in found.items()
    }
    return {"samples_per_second": speeds, "ratios": ratios, "runs": facts}


def verdicts(ratios: dict[str, float]) -> dict[str, Any]:
    """Print and return what was to be reached at batch size 8."""
    return {name: common.target(name, ratios[name], ">=", bound) for name, bound in WANTED.items() if name in ratios}


def prepare(file: Path, rows: int, folder: Path) -> None:
    """Write what every run begins from: a tokenizer of the sentences, their ids and labels, the first weights."""
    from chainrule.tasks.text_classification import model as task
    from chainrule.training import weights
    from chainrule.training.inputs import text

    lines = [line.rpartition("\t") for line in file.read_text(encoding="utf-8").splitlines()[:rows]]
    facts = text.fit_facts([[sentence for sentence, _, _ in lines]], {"vocabulary": VOCABULARY, "max_length": LENGTH})
    text.save_facts(facts, folder)
    ids, _ = text.encode([[sentence for sentence, _, _ in lines]], facts)
    (folder / "rows.json").write_text(json.dumps({"ids": ids, "labels": [int(label) for _, _, label in lines]}))
    model = task.build(weights.build_net(BLOCK, facts, SEED), facts, TARGET)
    weights.save_weights(model, folder / weights.WEIGHTS)
    tokens = sum(map(len, ids)) / len(ids)
    print(f"{len(ids)} sentences, {tokens:.1f} tokens on average, {facts['vocabulary']} kinds of tokens", flush=True)


def ours(folder: Path) -> tuple[Any, Any, Any]:
    """Return the project's objective with the first weights, its training inputs and a few validation inputs."""
    import torch

    from chainrule.tasks.text_classification import model as task
    from chainrule.training import weights
    from chainrule.training.inputs import text
    from chainrule.training.objectives.supervised import Supervised
    from chainrule.training.targets.label import Loss

    facts = text.load_facts(folder)
    rows = common.read_json(folder / "rows.json")
    model = task.build(weights.build_net(BLOCK, facts, SEED), facts, TARGET)
    weights.load_weights(model, folder / weights.WEIGHTS)
    few = 16
    labels = torch.tensor(rows["labels"])
    inputs = text.Inputs(rows["ids"], labels, facts)
    return Supervised(model, Loss()), inputs, text.Inputs(rows["ids"][:few], labels[:few], facts)


def measured(samples: int, seconds: float, precision: str, **more: Any) -> dict[str, Any]:
    """Return what a run reports."""
    return {
        "samples": samples,
        "seconds": seconds,
        "samples_per_second": samples / seconds,
        "precision": precision,
        **more,
    }


def run_trainer(folder: Path, batch_size: int, warm_up: int, threads: int, grouped: bool = False) -> dict[str, Any]:
    """(a) transformers' Trainer; grouped: (a')."""
    import torch
    from safetensors.torch import load_file
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        Trainer,
        TrainerCallback,
        TrainingArguments,
        default_data_collator,
    )

    from chainrule.training import weights
    from chainrule.training.inputs import text

    torch.set_num_threads(threads)
    facts, rows = text.load_facts(folder), common.read_json(folder / "rows.json")
    torch.manual_seed(SEED)
    config = BertConfig(
        vocab_size=facts["vocabulary"],
        pad_token_id=facts["pad_id"],
        hidden_size=NET["width"],
        num_hidden_layers=NET["layers"],
        num_attention_heads=NET["heads"],
        intermediate_size=NET["feed_forward"],
        hidden_dropout_prob=NET["dropout"],
        attention_probs_dropout_prob=NET["dropout"],
        max_position_embeddings=LENGTH + max(facts["pad_id"], 1) + 1,
        num_labels=2,
    )
    model = BertForSequenceClassification(config)
    prefix = "net.encoder."
    stored = load_file(folder / weights.WEIGHTS)
    encoder = {name.removeprefix(prefix): value for name, value in stored.items() if name.startswith(prefix)}
    missing, unexpected = model.bert.load_state_dict(encoder, strict=False)
    assert not unexpected
    assert all(name.startswith("pooler.") for name in missing), missing
    examples = [
        padded({"input_ids": ids, "attention_mask": [1] * len(ids), "label": label}, LENGTH, facts["pad_id"])
        if not grouped
        else {"input_ids": ids, "attention_mask": [1] * len(ids), "label": label}
        for ids, label in zip(rows["ids"], rows["labels"], strict=True)
    ]
    moments: dict[str, float] = {}
    seen: list[int] = []

    def collated(chosen: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["input_ids"]) for row in chosen)
        length = min(longest + -longest % 8, LENGTH)
        batch = default_data_collator([padded(row, length, facts["pad_id"]) for row in chosen])
        seen.append(batch["input_ids"].numel())
        return batch  # type: ignore[no-any-return]

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, _args: Any, state: Any, _control: Any, **_more: Any) -> None:
            if state.global_step == warm_up:
                moments["start"] = time.perf_counter()

        def on_step_end(self, _args: Any, state: Any, _control: Any, **_more: Any) -> None:
            if state.global_step == state.max_steps:
                moments["end"] = time.perf_counter()

    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"),
        num_train_epochs=1,
        per_device_train_batch_size=batch_size,
        learning_rate=LEARNING_RATE,
        seed=SEED,
        # Not run_glue's, but no part of the speed: nothing is written, nothing is shown.
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        **({"bf16": True, "use_cpu": not torch.cuda.is_available()} if grouped else {}),
        **({"train_sampling_strategy": "group_by_length"} if grouped else {}),
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=examples, data_collator=collated, callbacks=[Clock()])
    trainer.train()
    samples = len(examples) - warm_up * batch_size
    precision = "bf16" if grouped else "fp32"
    attention = config._attn_implementation
    seconds = moments["end"] - moments["start"]
    return measured(samples, seconds, precision, attention=attention, tokens_with_padding=sum(seen))


def padded(row: dict[str, Any], length: int, pad_id: int) -> dict[str, Any]:
    """Return a row of ids and mask filled up to a length."""
    more = length - len(row["input_ids"])
    return {
        **row,
        "input_ids": row["input_ids"] + [pad_id] * more,
        "attention_mask": row["attention_mask"] + [0] * more,
    }


def run_chainrule(folder: Path, batch_size: int, warm_up: int, threads: int, watched: bool = False) -> dict[str, Any]:
    """(b) The project's loop; watched: (b')."""
    from chainrule.training import device, loop
    from chainrule.training import precision as precisions
    from chainrule.training.course import Course

    device.prepare(threads)
    objective, inputs, validation = ours(folder)
    precision = precisions.resolve("auto", objective.model.net.gains_from_bf16)
    taken: list[tuple[float, int, int]] = []
    ends: list[float] = []
    take, order = inputs.take, validation.order

    def noting_take(index: Any, generator: Any) -> Any:
        began = time.perf_counter()
        batch = take(index, generator)
        taken.append((began, len(index), batch["input_ids"].numel()))
        return batch

    def noting_order(size: int, generator: Any) -> Any:
        ends.append(time.perf_counter())  # validation begins where the epoch's last update has ended
        return order(size, generator)

    inputs.take, validation.order = noting_take, noting_order
    planned = Course(**course(batch_size), precision=precision, seed=SEED)
    beside: AbstractContextManager[dict[str, Any]] = nullcontext({})
    if watched:
        beside = watching(folder, planned, objective, inputs)
    with beside as more:
        history = loop.fit(objective, inputs, validation, planned, **more)
    samples = sum(rows for _, rows, _ in taken[warm_up:])
    tokens = sum(tokens for _, _, tokens in taken)
    seconds = ends[0] - taken[warm_up][0]
    loss = round(history[0]["train_loss"], 6)
    return measured(
        samples, seconds, precision, attention=attention_of(objective), tokens_with_padding=tokens, train_loss=loss
    )


@contextmanager
def watching(folder: Path, planned: Any, objective: Any, inputs: Any) -> Iterator[dict[str, Any]]:
    """Give what a stage's training has beside it: a run in MLflow, the gradient audit, progress and checkpoints."""
    from chainrule.recipes.training import Audit as Settings
    from chainrule.runs import tracking
    from chainrule.stages.audited import Audit
    from chainrule.stages.job import Job
    from chainrule.system import progress
    from chainrule.training.course import Watchers

    checkpoint = folder / "checkpoint"
    checkpoint.unlink(missing_ok=True)
    with tracking.stage_run(folder, "speed", "finetune", {}) as run:
        job = Job("finetune", "speed", folder, {"seed": SEED}, run=run)
        watchers = Watchers(
            on_epoch=lambda record: run.metrics({"train_loss": record["train_loss"]}, step=record["epoch"]),
            on_update=lambda record: run.metrics(record, step=record["update"]),
            on_batch=progress.counter(job.name, "batches"),
            **Audit(job, planned, Settings().every, objective, inputs).watchers(),
        )
        yield {"watchers": watchers, "checkpoint": checkpoint, "save_seconds": SAVE_SECONDS}


def run_bare(folder: Path, batch_size: int, warm_up: int, threads: int) -> dict[str, Any]:
    """(c) A loop that does nothing but train."""
    import torch

    from chainrule.training import precision as precisions
    from chainrule.training import schedules
    from chainrule.training.optimizers import make_optimizer
    from chainrule.training.seeds import mix, seeded

    torch.set_num_threads(threads)
    objective, inputs, _ = ours(folder)
    precision = precisions.resolve("auto", objective.model.net.gains_from_bf16)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    objective.to(device).train()
    settings = course(batch_size)
    batches = [
        {name: tensor.to(device) for name, tensor in inputs.take(index, seeded(SEED, step)).items()}
        for step, index in enumerate(inputs.order(batch_size, seeded(SEED, 0)))
    ]
    parameters = list(objective.parameters())
    optimizer = make_optimizer(objective, settings["optimizer"], LEARNING_RATE, settings["weight_decay"])
    start = samples = 0.0
    losses = []
    for step, batch in enumerate(batches):
        if step == warm_up:
            start = time.perf_counter()
        torch.default_generator.manual_seed(mix(SEED, step, 0))  # dropout as in (b): equal losses, equal work
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            loss = objective(batch)["loss"]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * schedules.factor(
                settings["schedule"], step, len(batches), settings["warm_up"]
            )
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
        samples += len(batch["target"]) * (step >= warm_up)
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    sizes = [len(batch["target"]) for batch in batches]
    mean = sum(float(loss) * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)
    tokens = sum(batch["input_ids"].numel() for batch in batches)
    return measured(
        int(samples),
        seconds,
        precision,
        attention=attention_of(objective),
        tokens_with_padding=tokens,
        train_loss=round(mean, 6),
    )


def course(batch_size: int) -> dict[str, Any]:
    """Return the settings of (b) and (c), which are the Trainer's defaults by the project's names."""
    return {
        "epochs": 1,
        "batch_size": batch_size,
        "accumulation": 1,
        "optimizer": "adamw",
        "learning_rate": LEARNING_RATE,
        "weight_decay": 0.0,
        "schedule": "linear",
        "warm_up": 0.0,
        "gradient_clip": CLIP,
    }


def attention_of(objective: Any) -> str:
    """Return which implementation of attention the project's encoder chose."""
    return str(objective.model.net.encoder.config._attn_implementation)


RUNS: dict[str, Callable[[Path, int, int, int], dict[str, Any]]] = {
    "trainer": run_trainer,
    "grouped": partial(run_trainer, grouped=True),
    "chainrule": run_chainrule,
    "watched": partial(run_chainrule, watched=True),
    "bare": run_bare,
}


if __name__ == "__main__":
    main()
