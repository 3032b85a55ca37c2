"""What must fit together in a recipe: source, net and objective with the modality, sizes with each other."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chainrule.data.formats.options import BatchOptions
from chainrule.data.sources.catalogue import INCOMING, SOURCES
from chainrule.fields.catalogue import TARGETS
from chainrule.nets.catalogue import NETS
from chainrule.nets.shared.needs import LACKING
from chainrule.recipes.file import at
from chainrule.recipes.mistakes import Mistake, number
from chainrule.system import plugins
from chainrule.tasks.catalogue import TASKS
from chainrule.training.objectives.catalogue import OBJECTIVES
from chainrule.training.strategies.catalogue import STRATEGIES

WRITTEN, CONTINUED = "wording", "continuation"
"""Kinds of targets that are texts to be written: a net must write the first, and has no head; the second goes on."""
COUNTED = "text_classification"
"""The task of which naive Bayes may stand beside the net."""
OF_PAIRS = ("click", "rating")
"""Kinds of targets that are of a user and an item together: a model of two sides has no head."""
OF_HEADS = ("head_only", "distillation", "incremental", "joint")
"""Strategies that take a model of one answer."""


def mistakes(block: dict[str, Any], modality: str, path: str) -> Iterator[Mistake]:
    """Check what must fit together: source, net and objective with the modality, and sizes with each other."""
    net = at(block, ("net", "name"))
    objective = at(block, ("pretrain", "objective", "name"))
    tables: tuple[tuple[str, Mapping[str, type[BatchOptions]]], ...] = (("source", SOURCES), ("incoming", INCOMING))
    for key, table in tables:
        kind = at(block, (key, "kind"))
        if kind in table and modality not in table[kind].modalities:
            fitting = ", ".join(name for name, entry in table.items() if modality in entry.modalities)
            needed = f"a source of modality {modality} is needed: {fitting}"
            yield Mistake(f"{path}.{key}.kind", repr(kind), needed)
    if net in NETS and modality not in NETS[net].modalities:
        fitting = ", ".join(name for name, entry in NETS.items() if modality in entry.modalities)
        yield Mistake(f"{path}.net.name", repr(net), f"a net of modality {modality} is needed: {fitting}")
    elif net in NETS and NETS[net].writes is (at(block, ("target",)) != WRITTEN):
        wanted = at(block, ("target",)) == WRITTEN
        fitting = ", ".join(
            name for name, entry in NETS.items() if "text" in entry.modalities and entry.writes in (None, wanted)
        )
        needed = (
            "a net that writes texts" if wanted else "it writes texts, and here something is told; a net that reads"
        )
        yield Mistake(f"{path}.net.name", repr(net), f"{needed} is needed: {fitting}")
    if objective in OBJECTIVES and OBJECTIVES[objective].modality not in (None, modality):
        yield Mistake(
            f"{path}.pretrain.objective.name", repr(objective), f"an objective of modality {modality} or none is needed"
        )
    if at(block, ("finetune", "naive_bayes")) is True and at(block, ("task",)) != COUNTED:
        yield Mistake(f"{path}.finetune.naive_bayes", "true", f"false is needed: it is of the task {COUNTED} alone")
    strategy = at(block, ("finetune", "strategy", "name"))
    if strategy in OF_HEADS and at(block, ("target",)) == WRITTEN:
        needed = "it takes a model that gives one answer to a row; of one that writes take full or lora"
        yield Mistake(f"{path}.finetune.strategy.name", repr(strategy), needed)
    if strategy in (*OF_HEADS, "lora") and at(block, ("target",)) in OF_PAIRS:
        needed = "a model of users and items has no head and no layers of the kind that it takes; take full"
        yield Mistake(f"{path}.finetune.strategy.name", repr(strategy), needed)
    if strategy in STRATEGIES and STRATEGIES[strategy].modality not in (None, modality):
        needed = (
            f"it takes {STRATEGIES[strategy].modality}s alone; a strategy of modality {modality} is needed, or full"
        )
        yield Mistake(f"{path}.finetune.strategy.name", repr(strategy), needed)
    if objective in OBJECTIVES and net in NETS and OBJECTIVES[objective].modality in NETS[net].modalities:
        yield from _able(objective, net, path)
    training = at(block, ("pretrain", "training"))
    if objective in OBJECTIVES and (objective == "none") != (training is None):
        needed = "null goes with the objective none" if objective == "none" else f"objective {objective} needs it"
        yield Mistake(f"{path}.pretrain.training", "null" if training is None else "a block", needed)
    yield from _sizes(block, path)
    yield from _launches(block, path)
    if modality == "interaction":
        yield from _of_users(block, path)


def _of_users(block: dict[str, Any], path: str) -> Iterator[Mistake]:
    """Check that rows of a user are known as such, and that more than the row alone decides which are held out."""
    user = at(block, ("clean", "normalise", "user"))
    for section in ("source", "incoming"):
        group, key = at(block, (section, "group")), f"{path}.{section}.group"
        if group is None:
            needed = f"the column of the users is needed, {user!r}: what is uncertain goes by user"
            yield Mistake(key, "null", needed)
        elif isinstance(group, str) and isinstance(user, str) and group != user:
            yield Mistake(
                key, repr(group), f"the column of the users is needed, {user!r}, as clean.normalise.user says"
            )
    if at(block, ("split", "by")) not in ("within_groups", "time"):
        needed = (
            "within_groups (rows of each user) or time (rows from a moment on) is needed: rows split by chance alone, "
            "or users held out whole, say nothing of what a known user meets next"
        )
        yield Mistake(f"{path}.split.by", at(block, ("split", "by")) or "groups, the default", needed)


def _launches(block: dict[str, Any], path: str) -> Iterator[Mistake]:
    """Check that several hosts know where to meet, and that a batch has a row for each process."""
    for place in (("pretrain", "training"), ("finetune",)):
        launch, key = at(block, (*place, "launch")), ".".join((path, *place))
        if not isinstance(launch, dict):
            continue
        address = launch.get("address")
        if (number(launch, "hosts") or 1) > 1 and not re.fullmatch(r"\S+:\d{1,5}", str(address)):
            needed = "host:port of the first host is needed, where the others find it, such as 10.0.0.5:29400"
            yield Mistake(f"{key}.launch.address", repr(address) if address else "nothing", needed)
        processes = (number(launch, "processes") or 1) * (number(launch, "hosts") or 1)
        rows = number(block, *place, "batch_size")
        if rows is not None and processes > rows:
            needed = f"at least a row for each of {processes:g} processes is needed"
            yield Mistake(f"{key}.batch_size", f"{rows:g}", needed)


def _able(objective: str, net: str, path: str) -> Iterator[Mistake]:
    """Check that the net has what the objective needs of it."""
    needs = OBJECTIVES[objective].needs
    if needs is not None and needs not in NETS[net].gives:
        able = [name for name, entry in NETS.items() if needs in entry.gives]
        needed = f"net {net} {LACKING[needs]}; take {', '.join(able)}"
        yield Mistake(f"{path}.pretrain.objective.name", repr(objective), needed)


def _sizes(block: dict[str, Any], path: str) -> Iterator[Mistake]:
    test, validation = number(block, "split", "test"), number(block, "split", "validation")
    if test is not None and validation is not None and test + validation >= 1:
        yield Mistake(f"{path}.split", f"test + validation = {test + validation:g}", "less than 1 leaves training rows")
    kind, files = at(block, ("source", "kind")), at(block, ("source", "files"))
    if test == 0 and kind in SOURCES:
        by_file = "files" in SOURCES[kind].model_fields
        of_files = (files, at(block, ("source", "hold_out")))
        said = any(isinstance(one, dict) and "test" in one for one in of_files)
        said = said or at(block, ("source", "part")) is not None
        if not SOURCES[kind].tested or (by_file and not said):
            needed = "the source has no official test part, so a share is needed, such as 0.2"
            yield Mistake(f"{path}.split.test", "0", needed)
    if at(block, ("clean", "labels")) and at(block, ("target",)) in ("number", *OF_PAIRS):
        yield Mistake(f"{path}.clean.labels", "a block", f"it goes with labels; the target is a {block['target']}")
    target = at(block, ("target",))
    if (
        at(block, ("retrain", "robustness")) is not None
        and target in TARGETS
        and hasattr(plugins.load("fields", target), "located")
    ):
        needed = f"null is needed: {target} are places in a text, and they move when it is altered"
        yield Mistake(f"{path}.retrain.robustness", "a block", needed)
    timed = isinstance(at(block, ("split", "time")), dict) or at(block, ("split", "by")) == "time"
    if timed and kind in SOURCES and at(block, ("source", "time")) is None:
        able = [name for name, entry in SOURCES.items() if "time" in entry.model_fields]
        needed = "the column of when a row is of is needed, for split.time"
        needed = needed if kind in able else f"a source whose rows have a time is needed: {', '.join(able)}"
        yield Mistake(f"{path}.source.{'time' if kind in able else 'kind'}", "nothing", needed)
    width, heads = number(block, "net", "width"), number(block, "net", "heads")
    if width and heads and width % heads:
        yield Mistake(f"{path}.net.width", f"{width:g}", f"a multiple of heads ({heads:g}) is needed")
    kept = number(block, "pretrain", "tokenizer", "max_length")
    for place in (("net", "max_length"), ("net", "text", "max_length")):
        most = number(block, *place)
        if kept and most and kept > most:
            needed = f"at most {'.'.join(place)} ({most:g}) fit the net"
            yield Mistake(f"{path}.pretrain.tokenizer.max_length", f"{kept:g}", needed)
    overlap, task = number(block, "pretrain", "tokenizer", "windows", "overlap"), at(block, ("task",))
    if overlap and kept and overlap > kept / 4:
        needed = f"at most a quarter of max_length ({int(kept) // 4:,})"
        yield Mistake(f"{path}.pretrain.tokenizer.windows.overlap", f"{overlap:g}", needed)
    if overlap is not None and task in TASKS and not getattr(plugins.load(f"tasks.{task}", "fields"), "WINDOWS", False):
        yield Mistake(f"{path}.pretrain.tokenizer.windows", "a block", f"null is needed: {task} reads one window")
    if at(block, ("target",)) == CONTINUED and at(block, ("pretrain", "tokenizer", "kind")) == "byte_pairs":
        needed = "bytes or characters is needed: of words cut into pieces the blanks of a text are not told again"
        yield Mistake(f"{path}.pretrain.tokenizer.kind", "'byte_pairs'", needed)
    for place in (("clean", "normalise"), ("clean", "normalise", "text")):
        shortest, longest = (number(block, *place, f"{bound}_characters") for bound in ("min", "max"))
        if shortest and longest and shortest > longest:
            key = ".".join((path, *place, "min_characters"))
            yield Mistake(key, f"{shortest:g}", f"at most max_characters ({longest:g})")
