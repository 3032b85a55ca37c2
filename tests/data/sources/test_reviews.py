"""The generated reviews: what the labels follow from, the planted dirt, and the same rows everywhere."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from chainrule.data.sources import reviews
from chainrule.system.errors import DataError

CARD = Path(__file__).parents[3] / "data" / "sources" / "reviews.yaml"
TAGS = re.compile(rb"<[a-z/ ]+>|&[a-z]+;")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return reviews.read(CARD, seed=7, labelled=2000, unlabelled=2000)


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(CARD.read_bytes())
    return loaded


def test_counts_groups_and_parts(frame: pd.DataFrame) -> None:
    assert frame["id"].is_unique
    assert len(frame) == 4000
    assert frame["part"].isna().sum() == 2000
    assert (frame["part"] == "unlabelled").sum() == 2000
    assert frame.groupby("group").size().unique().tolist() == [10]
    unlabelled = frame["part"] == "unlabelled"
    assert not set(frame["group"][unlabelled]) & set(frame["group"][~unlabelled])
    assert frame["label"][unlabelled].isna().all()
    assert 0.45 < (frame["label"][~unlabelled] == "positive").mean() < 0.55


def test_rows_are_the_same_everywhere_and_stay_when_more_are_asked_for(frame: pd.DataFrame) -> None:
    few = reviews.read(CARD, seed=7, labelled=1500, unlabelled=30)
    same = frame.set_index("id").loc[few["id"]].reset_index()
    assert same[few.columns.tolist()].equals(few)
    assert not reviews.read(CARD, seed=8, labelled=30, unlabelled=0)["text"].equals(few["text"][:30])
    # Of the card as it is: a change of the grammar changes this sum, a machine or a version must not.
    assert hashlib.sha256(b"\n".join(frame["text"])).hexdigest()[:16] == "059b0d6a7517da9e"


def decodes(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def test_the_card_counts_the_dirt(frame: pd.DataFrame, card: dict[str, Any]) -> None:
    labelled, unlabelled = frame[:2000], frame[2000:]
    for part, dirt in ((labelled, card["dirt"]["labelled"]), (unlabelled, card["dirt"]["unlabelled"])):
        texts = part["text"]
        assert sum(not text.strip() for text in texts) == 2 * dirt["missing_text"]
        assert sum(bool(TAGS.search(text)) for text in texts) == 2 * dirt["html"]
        assert sum("â€" in text.decode("utf-8", "ignore") for text in texts) == 2 * dirt["mojibake"]
        broken = [text for text in texts if not decodes(text, "utf-8")]
        assert sum(decodes(text, "cp1252") for text in broken) == 2 * dirt["cp1252"]
        assert sum(not decodes(text, "cp1252") for text in broken) == 2 * dirt["undecodable"]
    assert labelled["label"].isna().sum() == 2 * card["dirt"]["labelled"]["missing_label"]
    full = labelled[labelled["text"].map(lambda text: bool(text.strip()))]
    repeated = full[full["text"].duplicated()]
    first = {row.text: row for row in full[::-1].itertuples()}
    other = [row.label != first[row.text].label for row in repeated.itertuples()]
    assert sum(other) == 2 * card["dirt"]["labelled"]["conflicting_label"]
    assert len(other) - sum(other) == 2 * card["dirt"]["labelled"]["exact_duplicate"]
    assert all(row.group != first[row.text].group for row in repeated.itertuples())
    assert len(set(full["text"]) & set(unlabelled["text"])) == 2 * card["dirt"]["unlabelled"]["copy_of_labelled"]


def triples(text: bytes) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", text.decode("utf-8", "ignore").lower())
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def test_near_duplicates_are_the_planted_ones(frame: pd.DataFrame, card: dict[str, Any]) -> None:
    texts = frame["text"][:2000]
    holders: dict[tuple[str, ...], list[int]] = {}
    shingles = [triples(text) for text in texts]
    pairs = set()
    for i, mine in enumerate(shingles):
        shared: dict[int, int] = {}
        for shingle in mine:
            for j in holders.setdefault(shingle, []):
                shared[j] = shared.get(j, 0) + 1
            holders[shingle].append(i)
        pairs |= {(j, i) for j, n in shared.items() if n >= 0.8 * (len(mine) + len(shingles[j]) - n)}
    dirt = card["dirt"]["labelled"]
    planted = 2 * (dirt["exact_duplicate"] + dirt["near_duplicate"] + dirt["conflicting_label"])
    assert planted <= len(pairs) <= planted + 10


def rewritten(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The grammar without dirt and with one change, so that the text shows what its label follows from."""
    grammar = yaml.safe_load(CARD.read_bytes())
    grammar["dirt"] = {"labelled": {}, "unlabelled": {}}
    grammar["review"] |= {"sentences": {1: 1}, "shapes": {"single": 1}, "margin": 0.01}
    change(grammar)
    path = tmp_path / "grammar.yaml"
    path.write_text(yaml.safe_dump(grammar, sort_keys=False))
    return path


def polarities(text: bytes, card: dict[str, Any]) -> list[str]:
    """The polarity of every opinion word in the order of the text."""
    known = {
        word: polarity
        for polarity in ("positive", "negative")
        for words in (
            *card["words"]["adjectives"][polarity].values(),
            card["words"]["likes"][polarity],
            card["words"]["acts"][polarity],
            [card["thirds"].get(act, f"{act}s") for act in card["words"]["acts"][polarity]],
        )
        for word in words
    }
    return [known[word] for word in re.findall(r"[a-z]+", text.decode().lower()) if word in known]


OTHER = {"positive": "negative", "negative": "positive"}


@pytest.mark.parametrize(("kind", "flips"), [("asserted", False), ("denied", True), ("ironic", True)])
def test_denial_and_irony_turn_a_word_round(tmp_path: Path, card: dict[str, Any], kind: str, flips: bool) -> None:
    def only(grammar: dict[str, Any]) -> None:
        for name in ("asserted", "denied", "ironic"):
            grammar["constructions"][name]["weight"] = int(name == kind)

    rows = reviews.read(rewritten(tmp_path, only), seed=1, labelled=200, unlabelled=0)
    for text, label in zip(rows["text"], rows["label"], strict=True):
        (polarity,) = polarities(text, card)
        assert label == (OTHER[polarity] if flips else polarity)


@pytest.mark.parametrize("joint", range(10))
def test_of_contrasted_clauses_the_main_one_counts(tmp_path: Path, card: dict[str, Any], joint: int) -> None:
    def only(grammar: dict[str, Any]) -> None:
        grammar["review"]["shapes"] = {"contrast": 1}
        grammar["joints"]["contrast"] = [grammar["joints"]["contrast"][joint]]
        for name in ("denied", "ironic"):
            grammar["constructions"][name]["weight"] = 0

    rows = reviews.read(rewritten(tmp_path, only), seed=1, labelled=100, unlabelled=0)
    template = card["joints"]["contrast"][joint]
    swapped = template["text"].index("{first}") > template["text"].index("{second}")
    main = {"first": 0, "second": 1}[template["counts"]] ^ int(swapped)
    for text, label in zip(rows["text"], rows["label"], strict=True):
        found = polarities(text, card)
        assert found[0] != found[1]
        assert found[main] == label


def test_what_others_say_does_not_count(tmp_path: Path, card: dict[str, Any]) -> None:
    def only(grammar: dict[str, Any]) -> None:
        grammar["review"] |= {"shapes": {"aside": 1}, "against": 1.0, "dissent": 0.0}
        for name in ("denied", "ironic"):
            grammar["constructions"][name]["weight"] = 0

    rows = reviews.read(rewritten(tmp_path, only), seed=1, labelled=200, unlabelled=0)
    for text, label in zip(rows["text"], rows["label"], strict=True):
        assert sorted(polarities(text, card)) == ["negative", "positive"]
        own = re.split(r", while|, whereas", text.decode())
        if len(own) == 2:
            assert polarities(own[0].encode(), card) == [label]


def test_stronger_words_outweigh_weaker_ones(tmp_path: Path, card: dict[str, Any]) -> None:
    def only(grammar: dict[str, Any]) -> None:
        grammar["review"] |= {"sentences": {2: 1}, "dissent": 0.5, "margin": 0.5}
        grammar["plain_degree"] = 1.0
        grammar["constructions"]["asserted"]["texts"] = ["the {aspect} is {w}"]
        for name in ("denied", "ironic"):
            grammar["constructions"][name]["weight"] = 0

    sizes = {
        word: card["strengths"][level] * (1 if polarity == "positive" else -1)
        for polarity, levels in card["words"]["adjectives"].items()
        for level, words in levels.items()
        for word in words
    }
    rows = reviews.read(rewritten(tmp_path, only), seed=1, labelled=200, unlabelled=0)
    mixed = 0
    for text, label in zip(rows["text"], rows["label"], strict=True):
        found = [sizes[word] for word in re.findall(r"[a-z]+", text.decode().lower()) if word in sizes]
        mixed += found[0] * found[1] < 0
        assert label == ("positive" if sum(found) > 0 else "negative")
    assert mixed > 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "grammar.yaml: cannot be read"),
        (b"", "grammar.yaml: not a grammar of reviews"),
        (b"a: 1\nb: [\n", r"grammar.yaml:\d: not valid YAML"),
        (b"a: \xff\n", "grammar.yaml: not valid YAML"),
        (b"words: {adjectives: 1}\n", "grammar.yaml: not a grammar of reviews"),
    ],
)
def test_a_damaged_grammar_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "grammar.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        reviews.read(path, seed=1, labelled=10, unlabelled=0)
    assert "\n" not in str(error.value)


def test_the_card_says_that_the_reviews_are_synthetic(card: dict[str, Any]) -> None:
    assert card["description"].startswith("SYNTHETIC")
