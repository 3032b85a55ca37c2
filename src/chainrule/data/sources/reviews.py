"""Synthetic English reviews from the grammar in data/sources/reviews.yaml, with planted dirt.

The label is computed from the way a review is put together, so that a model that only counts words does
clearly worse than one that reads their order. The card says what is planted and how often.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

GIVES = ("text", "label")

BLOCK = 1000  # rows that are planned together; dirt is counted per block
PER_AUTHOR = 10
# Slots of the templates that any author fills from a list of the grammar.
SLOTS = {"person": "people", "other": "others", "when": "times", "number": "numbers", "colour": "colours"}

Row = tuple[bytes, str | None, str]  # text, label, author
# Of all of Random, only random() is promised to give the same numbers in every version of Python.
Draw = Callable[[], float]


class Author(NamedTuple):
    """The words and habits of one author: every list is a part of the grammar's."""

    domain: dict[str, list[Any]]
    adjectives: dict[int, list[tuple[str, float]]]  # by sign: (word, strength)
    likes: dict[int, list[str]]
    acts: dict[int, list[str]]
    openers: list[str]
    positive: float  # how often the author is pleased
    contracts: bool
    exclaims: bool


def read(path: Path, *, seed: int, labelled: int, unlabelled: int) -> "pd.DataFrame":
    """Raw rows generated from the grammar at `path`: `labelled` ones with `part` None, then `unlabelled` ones.

    `text` holds bytes with the planted dirt, `label` "positive", "negative" or None, `group` the author of
    about ten rows (a planted copy is in the group of the author whose row it replaces, as in a real
    collection). A row depends on the seed and its number alone: with larger counts the first rows stay the
    same. Raises DataError for a missing or damaged grammar.
    """
    import pandas as pd

    grammar = _load(Path(path))
    rows: list[Row] = []
    ids: list[str] = []
    copied: list[bytes] = []
    for kind, count in (("labelled", labelled), ("unlabelled", unlabelled)):
        made: list[Row] = []
        while len(made) < count:
            block, untouched = _block(grammar, seed, kind, len(made) // BLOCK, copied)
            made += block
            # Always from the first labelled block, so that more labelled rows change no copy.
            copied = copied or untouched
        rows += made[:count]
        ids += [f"{kind}/{i:06d}" for i in range(count)]
    return pd.DataFrame(
        {
            "id": pd.Series(ids, dtype="str"),
            "group": pd.Series([author for _, _, author in rows], dtype="str"),
            "text": pd.Series([text for text, _, _ in rows], dtype=object),
            "label": pd.Series([label for _, label, _ in rows], dtype="str"),
            "part": pd.Series([None] * labelled + ["unlabelled"] * unlabelled, dtype="str"),
            "origin": pd.Series([f"{Path(path).name}:{name}" for name in ids], dtype="str"),
            "problem": pd.Series([None] * len(rows), dtype="str"),
        }
    )


def _load(path: Path) -> dict[str, Any]:
    """Return the grammar with its templates cut into pieces and its weights summed up."""
    import yaml

    try:
        grammar = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both are safe)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); source.path must name the grammar of the reviews"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        raise DataError(
            f"{path}{'' if line is None else f':{line + 1}'}: not valid YAML; mend it or restore it from the repository"
        ) from error
    try:
        words = grammar["words"]
        words["adjectives"] = {
            sign: [
                (word, strength)
                for level, strength in grammar["strengths"].items()
                for word in words["adjectives"][name][level]
            ]
            for sign, name in ((1, "positive"), (-1, "negative"))
        }
        for kind in ("likes", "acts"):
            words[kind] = {1: words[kind]["positive"], -1: words[kind]["negative"]}
        for construction in grammar["constructions"].values():
            construction["texts"] = [_pieces(text) for text in construction["texts"]]
        for domain in grammar["domains"].values():
            domain["facts"] = [_pieces(text) for text in domain["facts"]]
        kinds = grammar["constructions"]
        grammar["opinions"] = _weighted({kind: kinds[kind]["weight"] for kind in ("asserted", "denied", "ironic")})
        grammar["distractors"] = _weighted({kind: kinds[kind]["weight"] for kind in ("others", "elsewhere")})
        grammar["shapes"] = _weighted(grammar["review"]["shapes"])
        grammar["lengths"] = _weighted(grammar["review"]["sentences"])
        grammar["degrees"] = [item for item in grammar["degrees"].items() if item[0]]
        for key in (
            *SLOTS.values(),
            "joints",
            "openers",
            "swaps",
            "contractions",
            "thirds",
            "plain_degree",
            "dirt",
        ):
            grammar[key]
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: not a grammar of reviews (at {error}); mend it or restore it from the repository"
        ) from error
    return dict(grammar)


def _pieces(text: str) -> list[tuple[str, str]]:
    """[(literal, slot), …]: "the {aspect} is" becomes [("the ", "aspect"), (" is", "")]."""
    pieces = []
    for part in text.split("{"):
        slot, brace, literal = part.partition("}")
        pieces.append((slot, literal) if brace else ("", part))
    return [(literal, following) for (_, literal), (following, _) in zip(pieces, [*pieces[1:], ("", "")], strict=True)]


def _weighted(weights: dict[Any, float]) -> list[Any]:
    """Make a list to draw from evenly, in which every name stands as often as its whole weight says."""
    return [name for name, weight in weights.items() for _ in range(round(weight))]


def _pick(draw: Draw, items: Sequence[Any]) -> Any:
    return items[int(draw() * len(items))]


def _block(
    grammar: dict[str, Any], seed: int, kind: str, number: int, copied: list[bytes]
) -> tuple[list[Row], list[bytes]]:
    """Write the rows of one block with dirt, and its texts without; `copied` are labelled texts to copy from."""
    rows: list[tuple[str, int, str]] = []
    for i in range(BLOCK // PER_AUTHOR):
        name = f"{kind}/author-{number * (BLOCK // PER_AUTHOR) + i:05d}"
        draw = Random(f"{seed}/{name}").random
        author = _author(draw, grammar)
        rows += [(*_review(draw, grammar, author), name) for _ in range(PER_AUTHOR)]
    dirty = _plant(Random(f"{seed}/{kind}/dirt-{number}").random, grammar, kind, rows, number, copied)
    untouched = [row[0] for row, (text, _, _) in zip(dirty, rows, strict=True) if row[0] == text.encode()]
    return dirty, untouched


def _author(draw: Draw, grammar: dict[str, Any]) -> Author:
    share = grammar["review"]["authors_share"]

    def own(items: list[Any]) -> list[Any]:
        return [item for item in items if draw() < share] or items

    words = grammar["words"]
    return Author(
        domain=_pick(draw, list(grammar["domains"].values())),
        adjectives={sign: own(words["adjectives"][sign]) for sign in (1, -1)},
        likes={sign: own(words["likes"][sign]) for sign in (1, -1)},
        acts={sign: own(words["acts"][sign]) for sign in (1, -1)},
        openers=own(grammar["openers"]),
        positive=0.35 + 0.3 * draw(),
        contracts=draw() < 0.4,
        exclaims=draw() < 0.15,
    )


def _review(draw: Draw, grammar: dict[str, Any], author: Author) -> tuple[str, int]:
    """Write a text and its sign, +1 or -1; written anew until the sum of its values has that sign clearly."""
    rules = grammar["review"]
    target = 1 if draw() < author.positive else -1
    while True:
        sentences = []
        total = 0.0
        for _ in range(_pick(draw, grammar["lengths"])):
            sign = -target if draw() < rules["dissent"] else target
            against = -target if draw() < rules["against"] else target
            text, value = _sentence(draw, grammar, author, sign, against)
            if draw() < rules["opener"]:
                text = f"{_pick(draw, author.openers)}, {text}"
            sentences.append(f"{text[0].upper()}{text[1:]}{'!' if author.exclaims and draw() < 0.5 else '.'}")
            total += value
        text = " ".join(sentences)
        if total * target >= rules["margin"] and text.count(" ") >= 7:
            break
    if author.contracts:
        for long, short in grammar["contractions"].items():
            text = text.replace(long, short)
    return text, target


def _sentence(draw: Draw, grammar: dict[str, Any], author: Author, sign: int, against: int) -> tuple[str, float]:
    """Write a sentence without its end, and its value, of sign `sign`; `against` is a distractor's."""
    shape = _pick(draw, grammar["shapes"])
    if shape == "distractor":
        return _clause(draw, grammar, author, "distractors", against)
    if shape == "facts_only":
        return _fill(draw, grammar, author, _pick(draw, author.domain["facts"]), 0)
    first = _clause(draw, grammar, author, "opinions", sign)
    if shape == "single":
        return first
    joint = _pick(draw, grammar["joints"][shape])
    if shape == "fact":
        second = _fill(draw, grammar, author, _pick(draw, author.domain["facts"]), 0)
    elif shape == "aside":
        second = _clause(draw, grammar, author, "distractors", against)
    elif shape == "contrast":
        second = _clause(draw, grammar, author, "opinions", -sign)
        if joint["counts"] == "second":
            first, second = second, first
    else:
        second = _clause(draw, grammar, author, "opinions", sign)
    text = joint["text"].replace("{first}", first[0]).replace("{second}", second[0])
    value = {"first": first[1], "second": second[1], "both": first[1] + second[1]}[joint["counts"]]
    return text, value


def _clause(draw: Draw, grammar: dict[str, Any], author: Author, kind: str, sign: int) -> tuple[str, float]:
    """Write a clause and its value, which has the sign asked for, or is 0 where the clause does not count."""
    construction = grammar["constructions"][_pick(draw, grammar[kind])]
    factor = construction["factor"]
    polarity = -sign if factor < 0 else sign
    text, size = _fill(draw, grammar, author, _pick(draw, construction["texts"]), polarity)
    if draw() < grammar["review"]["when"]:
        text = f"{text} {_pick(draw, grammar['times'])}"
    return text, polarity * size * factor


def _fill(
    draw: Draw, grammar: dict[str, Any], author: Author, pieces: list[tuple[str, str]], polarity: int
) -> tuple[str, float]:
    """Return the template with its slots filled by words of the polarity, and the strength of these words."""
    size = 1.0
    text = ""
    for literal, slot in pieces:
        text += literal
        if slot == "aspect":
            text += _pick(draw, author.domain["aspects"])
        elif slot in ("w", "dw", "aw"):
            word, strength = _pick(draw, author.adjectives[polarity])
            size = strength
            if slot != "w" and draw() >= grammar["plain_degree"]:
                degree, scale = _pick(draw, grammar["degrees"])
                if slot == "dw" or degree not in ("so", "a bit too"):
                    word = f"{degree} {word}"
                    size *= scale
            text += f"{'an' if word[0] in 'aeiou' else 'a'} {word}" if slot == "aw" else word
        elif slot == "like":
            text += _pick(draw, author.likes[polarity])
        elif slot in ("act", "acts"):
            verb = _pick(draw, author.acts[polarity])
            text += verb if slot == "act" else grammar["thirds"].get(verb) or f"{verb}s"
        elif slot == "item":
            text += _pick(draw, author.domain["items"])
        elif slot:
            text += _pick(draw, grammar[SLOTS[slot]])
    return text, size


def _plant(
    draw: Draw,
    grammar: dict[str, Any],
    kind: str,
    clean: list[tuple[str, int, str]],
    number: int,
    copied: list[bytes],
) -> list[Row]:
    """Return the rows of a block as bytes, with the dirt of the card in places drawn without overlap."""
    names = {1: "positive", -1: "negative"}
    labels = [names[sign] if kind == "labelled" else None for _, sign, _ in clean]
    rows: list[Row] = [(text.encode(), label, author) for (text, _, author), label in zip(clean, labels, strict=True)]
    free = sorted(range(len(rows)), key=lambda _: draw())
    for name, count in grammar["dirt"][kind].items():
        for turn in range(count):
            if name in ("exact_duplicate", "near_duplicate", "conflicting_label"):
                swap = name == "near_duplicate" and turn % 3 == 0
                source, place = _pair(free, clean, grammar["swaps"] if swap else None)
                text = clean[source][0]
                if name == "near_duplicate":
                    text = _vary(text, turn, grammar["swaps"])
                label = names[-clean[source][1]] if name == "conflicting_label" else labels[source]
                rows[place] = (text.encode(), label, clean[place][2])
                continue
            place = free.pop()
            text, sign, author = clean[place]
            if name == "wrong_label":
                rows[place] = (text.encode(), names[-sign], author)
            elif name == "missing_label":
                rows[place] = (text.encode(), None, author)
            elif name == "copy_of_labelled":
                rows[place] = (copied[(number * count + turn) % len(copied)], None, author)
            else:
                rows[place] = (_spoil(text, name, turn), labels[place], author)
    return rows


def _pair(free: list[int], clean: list[tuple[str, int, str]], swaps: dict[str, str] | None) -> tuple[int, int]:
    """Find a row and a later one of another author to become its copy, both taken out of `free`."""
    for source in free:
        text, _, author = clean[source]
        if swaps is not None and (len(text.split()) < 30 or not swaps.keys() & set(text.split())):
            continue
        for place in free:
            if place > source and clean[place][2] != author:
                free.remove(source)
                free.remove(place)
                return source, place
    raise DataError("the grammar of the reviews leaves no rows to copy; ask for less dirt in its card")


def _vary(text: str, turn: int, swaps: dict[str, str]) -> str:
    """Make a near duplicate: one neutral word swapped (of 30: four in five triples stay), case, punctuation."""
    if turn % 3 == 0:
        words = text.split(" ")
        at = next(i for i, word in enumerate(words) if word in swaps)
        words[at] = swaps[words[at]]
        return " ".join(words)
    if turn % 3 == 1:
        return text.upper() if turn % 2 else text.lower()
    return text.replace(",", "").replace(".", " !!" if turn % 2 else "...")


def _spoil(text: str, name: str, turn: int) -> bytes:
    """Return the text with one kind of dirt of format, encoding or absence; `turn` chooses among its forms."""
    # A typographic sign: the apostrophe where there is one, else an ellipsis at the end.
    typographic = text.replace("'", "\u2019") if "'" in text else f"{text[:-1]}\u2026"
    if name == "cp1252":
        return typographic.encode("cp1252")
    if name == "mojibake":
        return typographic.encode().decode("cp1252").encode()
    if name == "undecodable":
        # These five bytes are not UTF-8 and have no meaning in Windows-1252.
        return b"\x81\x8d\x8f\x90\x9d".join(text.encode().split(b" ", 3))
    if name == "missing_text":
        return (b"", b"   ", b"\t")[turn % 3]
    head, _, tail = text.partition(" ")
    forms = (
        f"{text[:-1]}.<br /><br />",
        f"<p>{text}</p>",
        f"{head} <b>{tail.partition(' ')[0]}</b> {tail.partition(' ')[2]}",
        text.replace(" and ", " &amp; ", 1) if " and " in text else f"{text} &amp;c.",
        f"&quot;{text}&quot;",
    )
    return forms[turn % 5].encode()
