"""Sounds as examples: what a sample of them is like, and files whose names say label and speaker."""

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from chainrule.data.formats import archives, trees
from chainrule.data.formats.folders import SOUNDS, TOP, part_of
from chainrule.data.formats.trees import File, Tree
from chainrule.inspection import numbered
from chainrule.inspection.examples import Examples, Options, Place, Sounds
from chainrule.system.errors import DataError, ParamsError

LOOKED_AT = 200
"""So many files are opened, from all over them."""
SPEECH, HEARD = 16_000, 10.0
"""Samples a second that speech needs, and seconds of a sound that are heard at most."""
FEW_SOUNDS = 5000
"""Sounds below which each has altered copies."""
MOST_LABELS, FEWEST_EACH = 500, 3
"""A part of the names that has more values, or values that come more seldom, is no label."""


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of sounds in one folder, or in folders of parts, whose names say what they are.

    None where files are no sounds, or lie in the folders of classes. The label is the first part of the names that
    comes again, or the part that --target counts from 0; the group another that does, or that of --group. Raises
    DataError where names tell no labels.
    """
    if not place.folders and not any(SOUNDS.fits(file.name) or archives.stem(file.name) for file in place.files):
        return None
    tree = trees.plant(place.path, "source", "the folder of the sounds")
    files, hidden = tree.below(TOP)
    sounds = sorted((file for file in files if SOUNDS.fits(file.name.name)), key=lambda file: file.name.as_posix())
    holding = {file.name.parent for file in sounds}
    if not sounds or len(sounds) * 2 < len(files):
        return None
    if len(holding) > 1 and options.target is None:
        return None
    if len(holding) > 1 and any(part_of(part) for folder in holding for part in folder.parts):
        raise DataError(f"{place.path}: sounds in folders of parts with labels in their names; name one by source.path")
    names = [file.name.name for file in sounds]
    label = _label(names, options, place)
    labels = [label.value(name) for name in names]
    group = _group(names, labels, options, label.at)
    read = f"labels are read from part {label.at} of the names ({labels[0]} in {names[0]})"
    doubts = [] if options.target else [f"{read}; if another one is the label, --target counts them from 0"]
    source = {"kind": "audio_folder", "label_pattern": label.expression}
    groups: Counter[str] = Counter()
    told = []
    if group is None:
        doubts.append(
            "no groups in the file names: if several sounds are of one speaker or source, a split may part them"
        )
    else:
        source["group_pattern"] = group.expression
        groups = Counter(group.value(name) for name in names)
        told = [f"groups: part {group.at} of the names; {len(groups):,} that a split keeps whole ({group.expression})"]
    left = len(files) - len(sounds)
    out = [f"left out: {hidden:,} hidden files, {left:,} of another kind"] if hidden + left else []
    return Examples(
        task=options.task or "audio_classification",
        modality="audio",
        target="label",
        source={**source, "path": str(place.path)},
        incoming=source,
        rows=len(sounds),
        labels={"": Counter(labels)},
        sounds=sample(tree, sounds),
        groups=groups,
        found=(f"{len(sounds):,} sounds whose names say one of {len({*labels})} classes", *out, *told),
        doubts=tuple(doubts),
    )


def blocks(found: Examples, why: list[str]) -> dict[str, Any]:
    """Return the blocks of a recipe on sounds from nothing; `why` gets a line for each choice."""
    sounds = found.sounds
    rate = min(sounds.rate, SPEECH) if sounds else SPEECH
    normalise: dict[str, Any] = {"rate": rate} if rate != SPEECH else {}
    if sounds and sounds.rate > SPEECH:
        why.append(
            f"rate: {SPEECH:,} samples a second of {sounds.rate:,}, enough for speech; where it takes more than 8 kHz "
            "to tell sounds apart, clean.normalise.rate keeps them"
        )
    elif normalise:
        why.append(f"rate: {rate:,} samples a second, as most of the files have")
    trained = found.parts.get("train", found.rows)
    seconds = min(sounds.longest, HEARD) if sounds else 1.0
    why.append(f"length: {seconds:.2f} s are heard of a sound, all of all but the longest; shorter ones lie in silence")
    if sounds and sounds.longest > HEARD:
        why[-1] = f"length: {HEARD:g} s are heard of a sound, in training any, else the middle ones"
    few = trained < FEW_SOUNDS
    epochs = 15 if few else 10
    why.append(
        f"net: a small {'ResNet' if few else 'CNN'} on spectrograms, {epochs} epochs for {trained:,} sounds"
        + (", each with 3 copies at other speeds, as other voices are, coloured as other microphones do" if few else "")
        + "; the report holds it against mean spectra"
    )
    finetune: dict[str, Any] = {"strategy": {"name": "full"}, "epochs": epochs}
    if few:
        finetune |= {
            "batch_size": 32,
            "learning_rate": 0.005,
            "ema": 0.98,
            "distort": {"equaliser": 12.0, "noise": 0.2},
        }
    tokenizer = {"bands": 40, "window": 0.032, "hop": 0.016, "colour": 0.5}
    return {
        "clean": {"normalise": normalise} if normalise else {},
        "augment": {"copies": 3, "options": {"speed": 0.25}} if few else {"copies": 0},
        "base": {"from": "nothing"},
        "net": {"name": "resnet8"} if few else {"name": "cnn", "depth": 4},
        "pretrain": {"objective": {"name": "none"}, **({"tokenizer": tokenizer} if few else {})},
        "finetune": finetune,
    }


def sample(tree: Tree, files: Sequence[File]) -> Sounds | None:
    """Return what some of the sounds are like, None where none can be opened."""
    some = [file for file in files if file.problem is None][:: max(1, len(files) // LOOKED_AT)]
    return alike(content for _, content in tree.contents(some) if isinstance(content, bytes))


def alike(contents: Iterable[bytes]) -> Sounds | None:
    """Return what sounds are like, None where none can be opened."""
    import soundfile

    rates, seconds = [], []
    for content in contents:
        try:
            found = soundfile.info(io.BytesIO(content))
        except (soundfile.LibsndfileError, RuntimeError, ValueError):
            continue  # cleaning counts it, with the reason
        rates.append(int(found.samplerate))
        seconds.append(float(found.frames / found.samplerate))
    return Sounds(tuple(rates), tuple(seconds)) if rates else None


def _label(names: Sequence[str], options: Options, place: Place) -> numbered.Part:
    """Return the part of the names that is the label."""
    parts = numbered.parts(names)
    if options.target is not None:
        return _asked(parts, options.target, "--target")
    for part in parts:
        counts = Counter(part.value(name) for name in names)
        if 2 <= len(counts) <= MOST_LABELS and min(counts.values()) >= FEWEST_EACH:
            return part
    raise DataError(
        f"{place.path}: sounds in one folder, whose names ({', '.join(names[:3])}) say no classes; put those of each "
        "class into a folder"
    )


def _group(names: Sequence[str], labels: Sequence[str], options: Options, label: int) -> numbered.Part | None:
    """Return the part of the names that is the group, if there is one."""
    parts = numbered.parts(names)
    if options.group is not None:
        return _asked(parts, options.group, "--group")
    found = numbered.pattern(list(zip(labels, names, strict=True)))
    return next((part for part in parts if found and part.expression == found.expression and part.at != label), None)


def _asked(parts: Sequence[numbered.Part], said: str, option: str) -> numbered.Part:
    found = next((part for part in parts if said == str(part.at)), None)
    if found is None:
        there = ", ".join(f"{part.at} ({part.example})" for part in parts) or "none"
        raise ParamsError(f"{option} {said}: a part of the names by its number is needed: {there}")
    return found
