"""One training of a stage: the loop with the stage's checkpoint, its MLflow run and its precision."""

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import nn

from chainrule.recipes.training import Training
from chainrule.stages import declared
from chainrule.stages.audited import Audit
from chainrule.stages.job import STATE, Job
from chainrule.training import checkpoints, loop, precision
from chainrule.training.course import Course, Record, Watchers
from chainrule.training.prediction import Inputs

RARE = 10  # times as few rows as a class has in the mean
# How often a checkpoint is written; it changes nothing but how much a killed training has to do again.
SAVE_SECONDS = "CHAINRULE_CHECKPOINT_SECONDS"


def fit(
    job: Job,
    settings: Training,
    objective: nn.Module,
    inputs: Inputs,
    validation: Inputs,
    *,
    gains_from_bf16: bool,
    **more: Any,
) -> tuple[list[Record], dict[str, Any]]:
    """Train with the section's settings; return the history, its losses rounded to six decimals, and the gradients'.

    The second is what `training.audit` recorded, with what is to be said of it; empty where the section has no audit.
    The checkpoint goes when the stage has published its outputs.
    """
    if doubts := precision.doubts(settings.precision):
        job.warn(f"precision: {doubts}")
    course = _course(job, settings, precision.resolve(settings.precision, gains_from_bf16))
    if job.rehearse is not None:
        job.rehearse(objective, inputs, course, more.get("strategy"))
    checkpoint = _checkpoint(job, course.precision)
    # Of weights that are cut into shares no process has a layer's gradient.
    audit = None
    if settings.audit and not course.shard:
        audit = Audit(job, course, settings.audit.every, objective, inputs)
    started = time.monotonic()
    history = loop.fit(
        objective,
        inputs,
        validation,
        course,
        checkpoint=checkpoint,
        save_seconds=float(os.environ.get(SAVE_SECONDS, loop.SAVE_SECONDS)),
        watchers=Watchers(
            on_epoch=lambda record: _log_epoch(job, record, audit),
            on_update=lambda record: _log_update(job, record),
            on_batch=job.counter("batches"),
            **(audit.watchers() if audit else {}),
        ),
        label=job.name,
        **more,
    )
    job.run.metrics({"training_seconds": time.monotonic() - started})
    rounded = [
        {
            name: round(value, 6) if isinstance(value, float) and "loss" in name else value
            for name, value in record.items()
        }
        for record in history
    ]
    return rounded, audit.found() if audit else {}


def _course(job: Job, settings: Training, resolved: str) -> Course:
    """Return the section's settings that are a course's, with what the machine and the recipe add."""
    section = "pretrain.training" if job.stage == "pretrain" else job.stage
    shard = settings.launch is not None and settings.launch.shard
    values = settings.model_dump() | {"precision": resolved, "seed": job.seed, "section": section, "shard": shard}
    return Course(**{field.name: values[field.name] for field in fields(Course) if field.name in values})


def _checkpoint(job: Job, resolved: str) -> Path | None:
    """Return where the training's checkpoint is: it belongs to all that dvc.yaml declares that the stage reads.

    The declared files, not those that are loaded so far: a strategy is loaded last. None where no dvc.yaml says what
    they are: nothing that a killed training left could be trusted.
    """
    found = declared.inputs(job.root, job.stage, job.recipe, job.block)
    if found is None:
        job.say(f"no {declared.DVC_YAML} in {job.root} has this stage: no checkpoint is kept")
        return None
    deps, params = found
    folder = job.root / STATE / "checkpoints" / job.name
    job.spent.append(folder)
    return checkpoints.checkpoint_path(folder, {"params": params, "precision": resolved}, job.root, deps)


def say_cut(job: Job, inputs: Inputs, facts: dict[str, Any]) -> None:
    """Say how many training rows are longer than the model reads."""
    if not inputs.cut:
        return
    if "samples" in facts:
        seconds = facts["samples"] / facts["rate"]
        job.say(
            f"{inputs.cut:,} of {len(inputs):,} sounds are longer than the {seconds:g} s that the net hears: it learns "
            "from a piece anywhere in them, and is asked about their middle"
        )
        return
    most = facts.get("most_tokens", facts["max_length"])
    job.say(f"{inputs.cut:,} of {len(inputs):,} rows have more than {most:,} tokens: cut there")


def say_rare(job: Job, classes: Iterable[Sequence[str]], loss: Mapping[str, Any]) -> None:
    """Say which class is so rare that it hardly counts, unless the loss weighs classes; classes: those of each row."""
    counts = Counter(name for own in classes for name in own)
    if not counts or loss.get("class_weights") != "none":
        return
    rarest, rows = min(counts.items(), key=lambda item: (item[1], item[0]))
    mean = counts.total() / len(counts)
    if rows * RARE < mean:
        job.say(
            f"class {rarest!r} has {rows:,} of the training rows, a class in the mean {mean:,.0f}; "
            "with finetune.loss.class_weights: balanced all weigh the same"
        )


def _log_update(job: Job, record: Record) -> None:
    job.run.metrics({name: value for name, value in record.items() if name != "update"}, step=record["update"])


def _log_epoch(job: Job, record: Record, audit: Audit | None) -> None:
    # The learning rate is recorded by update, as its curve of the course within an epoch.
    numbers = {name: float(value) for name, value in record.items() if name not in ("epoch", "best", "learning_rate")}
    job.run.metrics(numbers, step=record["epoch"])
    scores = [name for name in record if name.startswith("validation_") and name != "validation_loss"]
    said = "".join(f", {name.removeprefix('validation_').replace('_', ' ')} {record[name]:.4f}" for name in scores)
    best = " (best)" if record["best"] else ""
    losses = f"loss {record['train_loss']:.4f}, validation {record['validation_loss']:.4f}"
    job.say(f"epoch {record['epoch']}: {losses}{said}{best}")
    if audit:
        audit.end_epoch(record["epoch"])
