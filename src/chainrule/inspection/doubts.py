"""What a person should look at before a training: of labels, of texts that come again, of parts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from chainrule.fields import names
from chainrule.system.words import count

FEW = 20
"""Rows of a class below which little can be learned of it, or said about it."""
SMALL = 100
"""Rows below which one split of them says little."""
UNEVEN = 20
"""How many times larger the largest class is than the smallest from which on it is said."""
SHOWN = 4


def of_rows(rows: int) -> Iterator[str]:
    """Yield that there are few rows."""
    if rows < SMALL:
        yield f"{count(rows, 'row')}: of so few a test split says little; `chainrule crossvalidate` tests each in turn"


def of_labels(labels: Mapping[str, Counter[str]]) -> Iterator[str]:
    """Yield what is doubtful about the classes of the parts."""
    if not labels:
        return  # what is to be told is a number
    counts = sum(labels.values(), Counter[str]())
    if len(counts) < 2:
        yield f"one class alone, {names.short(next(iter(counts), 'none'))!r}: there is nothing to tell"
        return
    trained = labels.get("train", counts) if "train" in labels else labels.get("", counts)
    few = sorted((count, label) for label, count in trained.items() if count < FEW)
    if few:
        shown = ", ".join(f"{names.short(label)} {count}" for count, label in few[:SHOWN])
        have = "has" if len(few) == 1 else "have"
        yield f"{len(few)} of {len(trained)} classes {have} fewer than {FEW} rows to learn from: {shown}"
    most, least = max(trained.values(), default=0), min(trained.values(), default=0)
    if least and most >= UNEVEN * least and not few:
        yield (
            f"the largest class has {most / least:.0f} times the rows of the smallest: look at macro F1 beside accuracy"
        )
    for part, each in labels.items():
        if part not in ("", "train") and (lacking := sorted(each.keys() - trained.keys())):
            shown = ", ".join(repr(names.short(each)) for each in lacking[:SHOWN])
            yield f"classes in {part} that training never sees: {shown}"
    if said := names.too_many(list(counts), sum(counts.values())):
        yield f"{said}: hardly classes"
    yield from names.doubts(list(counts))


def of_repeats(texts: Sequence[tuple[str, ...]], labels: Sequence[str]) -> Iterator[str]:
    """Yield how many rows repeat another, and how many of these contradict it."""
    first: dict[tuple[str, ...], str] = {}
    again = against = 0
    for text, label in zip(texts, labels, strict=True):
        key = tuple(" ".join(each.split()) for each in text)
        if key in first:
            again += 1
            against += first[key] != label
        first.setdefault(key, label)
    if again:
        contrary = f", {against:,} of them with another label" if against else ""
        yield f"{count(again, 'row repeats', 'rows repeat')} another{contrary}; copies are kept in one split"
