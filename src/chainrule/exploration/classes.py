"""How many rows each class has in each split, whether a row has one class or several."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

SHOWN = 24
"""Classes that are listed by name; of more the commonest and the rarest half of these."""
FEW, APART = 10, 10
"""Training rows below which a class is named, and how many times as many rows of another are."""
NAMED = 5


def counted(sets: Mapping[str, Sequence[Sequence[str]]], test: Mapping[str, int] | None) -> dict[str, dict[str, int]]:
    """Return by class, the commonest in training first, how many rows of each split have it.

    sets: by split the classes of each row; test: how many test rows have each, None where that is not known.
    """
    counts = {split: Counter(name for own in each for name in own) for split, each in sets.items()}
    if test is not None:
        counts["test"] = Counter(dict(test))
    names = {name for each in counts.values() for name in each}
    order = sorted(names, key=lambda name: (-counts["train"][name], name))
    return {name: {split: each[name] for split, each in counts.items()} for name in order}


def table(classes: Mapping[str, Mapping[str, int]], word: str, rows: Mapping[str, int]) -> str:
    """Return the table of classes with a bar for the training rows, and shares of each split's rows."""
    names = list(classes)
    listed = names if len(names) <= SHOWN else [*names[: SHOWN // 2], "", *names[-SHOWN // 2 :]]
    splits = list(next(iter(classes.values()), {}))
    most = max((own["train"] for own in classes.values()), default=0) or 1
    lines = []
    for name in listed:
        if not name:
            lines.append(f'<tr><td class="more" colspan="{len(splits) + 2}">… {len(names) - SHOWN:,} more …</td></tr>')
            continue
        cells = "".join(_cell(classes[name][split], rows.get(split, 0)) for split in splits)
        bar = f'<td class="cell"><i style="width:{100 * classes[name]["train"] / most:.1f}%"></i></td>'
        lines.append(f'<tr><th class="name" dir="auto">{escape(name)}</th>{bar}{cells}</tr>')
    heads = "".join(f"<th>{split}</th>" for split in splits)
    note = "Test rows are counted by the shares that the split reports." if "test" in splits else ""
    return (
        f'<div class="scroll tight"><table><thead><tr><th class="name">{escape(word)}</th><th></th>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>" + (f'<p class="note">{note}</p>' if note else "")
    )


def _cell(count: int, rows: int) -> str:
    share = f" <small>{count / rows:.1%}</small>" if rows else ""
    return f"<td>{count:,}{share}</td>"


def doubts(classes: Mapping[str, Mapping[str, int]], word: str) -> list[str]:
    """Return what is to be looked at: classes of few rows, far from balanced, or absent from a split."""
    found = []
    plural = f"{word}{'es' if word.endswith('s') else 's'}"
    if len(classes) == 1:
        found.append(f"all rows are of one {word}: nothing can be told apart")
    trained = {name: own["train"] for name, own in classes.items() if own["train"]}
    if few := [f"{name} ({count:,})" for name, count in reversed(trained.items()) if count < FEW]:
        found.append(f"{plural} of fewer than {FEW} training rows: {listed(few)}")
    if len(trained) > 1:
        (most, many), (least, some) = next(iter(trained.items())), next(reversed(trained.items()))
        if many >= APART * some:
            found.append(f"{most} has {many / some:,.0f} times the training rows of {least}: {many:,} and {some:,}")
    for split in ("train", "validation", "test"):
        held = [own for own in classes.values() if own.get(split)]
        if held and (absent := [name for name, own in classes.items() if split in own and not own[split]]):
            found.append(f"no {split} row is of {word} {listed(absent)}")
    return found


def listed(names: Sequence[str]) -> str:
    """Return names in a line, the first of many."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")


def buckets(sets: Sequence[Sequence[str]]) -> list[tuple[str, list[int]]]:
    """Return by class, the commonest first, the places of the rows that have it."""
    places: dict[str, list[int]] = {}
    for at, own in enumerate(sets):
        for name in own:
            places.setdefault(name, []).append(at)
    return sorted(places.items(), key=lambda entry: (-len(entry[1]), entry[0]))
