"""Which columns of a table are which fields of which task."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from chainrule.data.formats.tables import SIDES
from chainrule.inspection import interactions, roles
from chainrule.inspection.examples import Options
from chainrule.inspection.named import named
from chainrule.inspection.profile import Profile, titles
from chainrule.inspection.roles import Roles
from chainrule.system.errors import DataError, ParamsError

LONG = 20.0
"""Words on average from which on a text is what a row is about, whatever stands beside it."""
FEW_BESIDE = 4
"""A text with no more columns beside it is what a row is about."""
_FIRST = re.compile(r"(.*?)[\W_]*(1|a|first|one|left|premise|source|query)$", re.IGNORECASE)
_SECOND = re.compile(r"(.*?)[\W_]*(2|b|second|two|right|hypothesis|target|answer)$", re.IGNORECASE)


def of_columns(profiles: Sequence[Profile], folder: Path, options: Options) -> Roles:
    """Return what each column is for; ParamsError where two could be the target, or none.

    folder: from which cells would name images. Raises DataError where cells name what is not here.
    """
    part = roles.part_of([each for each in profiles if options.target not in (each.title, str(each.column))])
    found = _of_columns([each for each in profiles if each != part], folder, options)
    shown = [found.inputs.get("image"), found.inputs.get("audio")]
    files = [known for each in profiles if each.column in shown and (known := named(each, folder)) is not None]
    return replace(found, part=part, named=files[0].pattern if files else "{}")


def _of_columns(profiles: Sequence[Profile], folder: Path, options: Options) -> Roles:
    if (met := interactions.of_columns(profiles, options)) is not None:
        return met
    files = {each.column: found for each in profiles if (found := named(each, folder)) is not None}
    images = [each for each in profiles if each.column in files]
    modality = files[images[0].column].kind.called if images else "text"
    if len(images) > 1:
        raise ParamsError(f"several columns name images or sounds ({titles(images)}); a recipe takes one")
    group = roles.group_of(profiles) if options.group is None else _asked(profiles, options.group)
    away = [each for each in profiles if roles.addresses(each)]
    texts = [each for each in profiles if each.kind == "text" and each not in away]
    prose = [each for each in texts if str(each.column) != options.target]
    others = [each for each in profiles if each not in (*images, *prose, group)]
    if not images and not prose and len(profiles) == 2:
        prose = [each for each in others if each.kind == "names" and each.characters >= 3 and each not in away][:1]
        others = [each for each in others if each not in prose]
    if away and not images and not prose and sum(not roles.is_id(each) for each in others if each not in away) < 2:
        raise DataError(
            f"{titles(away)}: addresses in the network, and a recipe learns from files that are here; fetch them, and "
            "write their names in place of the addresses"
        )
    if options.task == "translation" or (options.task is None and not images and _translated(texts, others)):
        return _rewritten(profiles, texts, group, options)
    if _is_table(images, prose, others, options.task):
        return _of_table(profiles, group, options)
    candidates = [each for each in others if roles.could_be_target(each)]
    marks = roles.marks_of(candidates) if options.target is None else []
    if marks and not any(roles.NAMES[0] & {*each.title.lower().split()} for each in candidates):
        said = [f"labels: {len(marks)} columns that say 1 or 0"]
        return _of_inputs(
            profiles, modality, images, prose, None, [each.column for each in marks], "labels", group, options, said
        )
    said = []
    if not images and options.target is None and options.task is None:
        candidates, said = _tellable(candidates)
    column, why = roles.target_of(candidates, profiles, options.target)
    kind = roles.kind_of_target(column, options.task)
    if options.task is None and roles.separator_of(column):
        kind = "labels"
    said.append(f"target: {column.title}, {why}")
    return _of_inputs(profiles, modality, images, prose, column, column.column, kind, group, options, said)


def _translated(texts: Sequence[Profile], others: Sequence[Profile]) -> bool:
    """Whether there are two columns of text, called after languages or after sides, and nothing that could be told."""
    titled = [each.title.strip().lower() for each in texts]
    sides = {"source", "src"}, {"translation", "target", "tgt", "trg"}
    called = all(title in SIDES for title in titled) or all(any(title in names for title in titled) for names in sides)
    return len(texts) == 2 and called and not any(roles.could_be_target(each) for each in others if each not in texts)


def _rewritten(profiles: Sequence[Profile], texts: Sequence[Profile], group: Profile | None, options: Options) -> Roles:
    """Return the roles of columns where a text is written for a text: --target, or the second of the two."""
    named = [each for each in texts if options.target in (each.title, str(each.column))]
    if options.target is not None and not named:
        raise ParamsError(f"--target {options.target}: no such column of texts; {titles(texts)}")
    if len(texts) < 2:
        raise ParamsError(f"a translation needs two columns of texts; here is {titles(texts) or 'none'}")
    read_first = {"en", "eng", "english", "source", "src"}
    in_order = sorted(texts, key=lambda each: each.title.strip().lower() not in read_first)
    written = named[0] if named else in_order[1]
    source = next(each for each in in_order if each is not written)
    said = [f"{source.title or source.column} is read, {written.title or written.column} is written"]
    left = [each for each in profiles if each not in (source, written, group) and each.kind != "constant"]
    inputs = {"source": source.column}
    return Roles("translation", "text", "wording", inputs, written.column, written, group, left, said)


def _is_table(images: Sequence[Profile], prose: Sequence[Profile], others: Sequence[Profile], task: str | None) -> bool:
    """Whether rows are told by all of their columns, rather than by an image or a text among them."""
    if task is not None:
        return task.startswith("table_")
    if images or not prose:
        return not images
    marks = roles.marks_of(others)
    beside = [each for each in others if each not in marks and each.kind != "constant" and not roles.is_id(each)]
    few = len(beside) + len(marks) <= FEW_BESIDE or len(beside) < len(marks)
    return not few and max(each.words for each in prose) < LONG


def _asked(profiles: Sequence[Profile], name: str) -> Profile:
    found = next((each for each in profiles if name in (each.title, str(each.column))), None)
    if found is None:
        raise ParamsError(f"--group {name}: no such column; {titles(profiles)}")
    return found


def _tellable(candidates: list[Profile]) -> tuple[list[Profile], list[str]]:
    """Return the candidates that can be told of texts, and what is said of the others: no task tells their numbers."""
    good = [each for each in candidates if roles.kind_of_target(each, None) == "label" or roles.separator_of(each)]
    if not good or len(good) == len(candidates):
        return candidates, []
    numbers = [each for each in candidates if each not in good]
    return good, [f"{titles(numbers)}: numbers, which no task tells of texts; not used"]


def _of_table(profiles: Sequence[Profile], group: Profile | None, options: Options) -> Roles:
    candidates = [each for each in profiles if roles.could_be_target(each) and each != group]
    column, why = roles.target_of(candidates, profiles, options.target)
    if column.kind == "constant":
        raise ParamsError(f"--target {column.title}: all of its cells hold the same; name another")
    kind = roles.kind_of_target(column, options.task)
    task = {"label": "table_classification", "number": "table_regression"}[kind]
    others = [each for each in profiles if each not in (column, group)]
    said = [f"target: {column.title}, {why}; {'a number' if kind == 'number' else f'{column.distinct} classes'}"]
    return Roles(task, "table", kind, {}, column.column, column, group, others, said)


def _of_inputs(
    profiles: Sequence[Profile],
    modality: str,
    images: Sequence[Profile],
    prose: Sequence[Profile],
    profile: Profile | None,
    target: Any,
    kind: str,
    group: Profile | None,
    options: Options,
    said: list[str],
) -> Roles:
    """Return the roles of columns where the inputs are an image, a sound, a text or two."""
    texts = sorted((each for each in prose if each is not profile), key=lambda each: -each.words)
    if not images and not texts:
        raise ParamsError("no column holds texts; --task table_classification takes all columns")
    used = [images[0] if images else texts[0]]
    task = {"label": f"{modality}_classification", "labels": "multi_label", "number": f"{modality}_regression"}[kind]
    if task in ("audio_regression", "text_regression"):
        assert profile is not None
        of = {"audio": "sounds", "text": "texts"}[modality]
        raise ParamsError(f"{profile.title} is a number, and no task tells one of {of}; --target names classes")
    inputs: dict[str, Any] = {modality: used[0].column}
    in_order = [each for each in prose if each is not profile]
    if task == "image_classification" and texts and options.task in (None, "image_text_classification"):
        task, modality, used = "image_text_classification", "image_text", [images[0], texts[0]]
        inputs = {"image": used[0].column, "text": used[1].column}
    if task == "text_classification" and (options.task == "text_pair_classification" or _pair(in_order)):
        task, used = "text_pair_classification", in_order[:2]
        inputs = {"first": used[0].column, "second": used[1].column}
    elif task == "text_classification" and len(in_order) > 1:
        used = in_order
        inputs = {"text": [each.column for each in in_order]}
        said.append(f"text: {titles(in_order)}, joined line by line")
    marks = target if isinstance(target, list) else []
    taken = (*used, profile, group)
    left = [each for each in profiles if each not in taken and each.column not in marks and each.kind != "constant"]
    return Roles(task, modality, kind, inputs, target, profile, group, left, said)


def _pair(texts: Sequence[Profile]) -> bool:
    """Whether two columns of text are two of a kind, rather than a title and what is below it."""
    if len(texts) != 2:
        return False
    one, two = texts
    named = _FIRST.match(one.title) and _SECOND.match(two.title)
    alike = 0.5 <= one.words / max(two.words, 0.1) <= 2
    return bool(named) or (isinstance(one.column, int) and alike)
