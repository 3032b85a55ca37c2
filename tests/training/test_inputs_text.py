import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from torch import Tensor

from chainrule.training.inputs import text as module
from chainrule.training.inputs.text import Inputs, encode, fit_facts, train_tokenizer

FACTS: dict[str, Any] = {"pad_id": 0, "unknown_id": 1, "max_length": 64}
CORPUS = """
import random
words = "the a film plot actors was were dull brilliant long and not, but! really naïve".split()
words = random.Random(0).choices(words, k=4000)
texts = [" ".join(words[start : start + 20]) for start in range(0, 4000, 20)]
"""
TRAIN = f"""
from chainrule.training.inputs.text import train_tokenizer
{CORPUS}
print(train_tokenizer(texts, 150).to_str())
"""


def corpus() -> list[str]:
    names: dict[str, Any] = {}
    exec(CORPUS, names)
    texts: list[str] = names["texts"]
    return texts


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tokens(lengths: list[int]) -> list[list[int]]:
    """Make texts of distinct tokens from 5 on between the two ends 2 and 3."""
    return [[2, *range(5 + 100 * row, 5 + 100 * row + length - 2), 3] for row, length in enumerate(lengths)]


lengths = st.lists(st.integers(2, 60), min_size=1, max_size=80)


@given(lengths=lengths, batch_size=st.integers(1, 9), seed=st.one_of(st.none(), st.integers(0, 2**31)))
def test_a_pass_takes_every_row_exactly_once(lengths: list[int], batch_size: int, seed: int | None) -> None:
    batches = Inputs(tokens(lengths), None, FACTS).order(batch_size, None if seed is None else seeded(seed))
    assert sorted(torch.cat(batches).tolist()) == list(range(len(lengths)))
    assert max(map(len, batches)) <= batch_size


def test_passes_of_any_seed_have_the_same_number_of_batches() -> None:
    # The loop counts the batches of one pass and expects as many in all.
    inputs = Inputs(tokens([2 + row % 50 for row in range(333)]), None, FACTS)
    assert {len(inputs.order(2, seeded(seed))) for seed in range(10)} == {167}


def test_the_order_follows_the_seed() -> None:
    inputs = Inputs(tokens([2 + row % 50 for row in range(200)]), None, FACTS)
    first, again, other = ([batch.tolist() for batch in inputs.order(8, seeded(seed))] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_batches_hold_rows_of_similar_length_in_no_order_of_length() -> None:
    inputs = Inputs(tokens([2 + (row * 37) % 50 for row in range(400)]), None, FACTS)
    batches = inputs.order(8, seeded(0))
    spread = [int(inputs.lengths[batch].max() - inputs.lengths[batch].min()) for batch in batches]
    assert max(spread) <= 3
    means = [float(inputs.lengths[batch].float().mean()) for batch in batches]
    assert means not in (sorted(means), sorted(means, reverse=True))


@given(lengths=lengths, data=st.data())
def test_takes_the_rows_asked_for_padded_to_a_multiple_of_eight(lengths: list[int], data: st.DataObject) -> None:
    texts = tokens(lengths)
    index = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1, max_size=10))
    batch = Inputs(texts, None, {**FACTS, "pad_id": 4}).take(torch.tensor(index), None)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    longest = max(len(texts[row]) for row in index)
    assert ids.dtype == mask.dtype == torch.int64
    assert ids.shape == mask.shape == (len(index), -(-longest // 8) * 8)
    for row, found, shown in zip(index, ids.tolist(), mask.tolist(), strict=True):
        count = len(texts[row])
        assert found == texts[row] + [4] * (ids.shape[1] - count)
        assert shown == [1] * count + [0] * (ids.shape[1] - count)


def test_never_pads_beyond_the_length_that_the_net_was_built_for() -> None:
    batch = Inputs(tokens([12, 9]), None, {**FACTS, "max_length": 12}).take(torch.tensor([0, 1]), None)
    assert batch["input_ids"].shape == (2, 12)
    assert batch["attention_mask"].sum(dim=1).tolist() == [12, 9]


def test_takes_the_targets_along() -> None:
    inputs = Inputs(tokens([3, 4, 5]), torch.tensor([7, 8, 9]), FACTS)
    assert inputs.take(torch.tensor([2, 0]), None)["target"].tolist() == [9, 7]


def dropped(drop: float, seed: int | None) -> tuple[Tensor, Tensor, Tensor]:
    inputs = Inputs(tokens([2, 3, 30, 60, 60, 60]), None, FACTS, drop=drop)
    index = torch.arange(6)
    plain = inputs.take(index, None)
    found = inputs.take(index, None if seed is None else seeded(seed))["input_ids"]
    return plain["input_ids"], found, plain["attention_mask"].bool()


@pytest.mark.parametrize("seed", range(5))
def test_drop_makes_about_its_share_unknown_but_never_the_ends_or_the_padding(seed: int) -> None:
    before, after, real = dropped(0.4, seed)
    changed = before != after
    assert set(after[changed].tolist()) == {FACTS["unknown_id"]}
    assert not bool(changed[~real].any())
    assert not bool(changed[torch.isin(before, torch.tensor([2, 3]))].any())
    inner = int(real.sum()) - 2 * len(before)
    assert 0.3 < int(changed.sum()) / inner < 0.5


def test_without_a_generator_nothing_is_dropped() -> None:
    before, after, _ = dropped(0.9, None)
    assert torch.equal(before, after)


def test_drop_follows_the_seed() -> None:
    assert torch.equal(dropped(0.4, 1)[1], dropped(0.4, 1)[1])
    assert not torch.equal(dropped(0.4, 1)[1], dropped(0.4, 2)[1])


def test_another_process_trains_the_same_tokenizer() -> None:
    seeds = {"PYTHONHASHSEED": "77", "RAYON_NUM_THREADS": "3"}
    other = subprocess.run(
        [sys.executable, "-c", TRAIN], env=os.environ | seeds | {"PYTHONUTF8": "1"}, capture_output=True, check=True
    ).stdout.strip()
    own = train_tokenizer(corpus(), 150).to_str().encode()
    assert hashlib.sha256(other).hexdigest() == hashlib.sha256(own).hexdigest()


def test_the_tokenizer_knows_every_trained_word() -> None:
    facts = fit_facts([corpus()], {"vocabulary": 150, "max_length": 64})
    assert facts["vocabulary"] <= 150
    (ids,), _ = encode([["a brilliant plot, but really naïve!"]], facts)
    assert facts["unknown_id"] not in ids


def test_characters_never_seen_become_unknown() -> None:
    facts = fit_facts([corpus()], {"vocabulary": 150, "max_length": 64})
    (ids,), _ = encode([["a 雪 plot"]], facts)
    assert facts["unknown_id"] in ids


@pytest.mark.parametrize("max_length", [4, 8, 13])
def test_long_texts_are_cut_between_their_two_ends(max_length: int) -> None:
    facts = fit_facts([corpus()], {"vocabulary": 150, "max_length": max_length})
    start, end = facts["special_ids"][2:4]
    (cut, short), number = encode([[corpus()[0] * 3, "film"]], facts)
    assert len(cut) == max_length
    assert number == 1
    assert (cut[0], cut[-1]) == (short[0], short[-1]) == (start, end)
    long = fit_facts([corpus()], {"vocabulary": 150, "max_length": 500})
    (whole,), number = encode([[corpus()[0] * 3]], long)
    assert number == 0
    assert cut[:-1] == whole[: max_length - 1]


def test_a_pair_is_one_sequence_with_an_end_after_each_text() -> None:
    facts = fit_facts([corpus()], {"vocabulary": 150, "max_length": 500})
    start, end = facts["special_ids"][2:4]
    firsts, seconds = ["a dull plot", "the film"], ["the actors!", "not brilliant, but long"]
    pairs, cut = encode([firsts, seconds], facts)
    alone = [encode([texts], facts)[0] for texts in (firsts, seconds)]
    assert pairs == [[*first, *second[1:]] for first, second in zip(*alone, strict=True)]
    assert [(ids[0], ids.count(end), ids[-1]) for ids in pairs] == [(start, 2, end)] * 2
    assert cut == 0


def test_of_a_pair_the_longer_text_is_cut_first_and_rows_that_were_cut_are_counted() -> None:
    long, short = corpus()[0] * 3, "a dull plot"
    facts = fit_facts([corpus(), [short]], {"vocabulary": 150, "max_length": 12})
    (kept,), _ = encode([[short]], facts)
    rows, cut = encode([[long, short, short], [short, long, short]], facts)
    assert [len(ids) for ids in rows] == [12, 12, 2 * len(kept) - 1]
    assert cut == 2
    assert rows[0][-len(kept) + 1 :] == kept[1:]
    assert rows[1][: len(kept)] == kept
    assert module.of_fields([[long, short], [short, short]], None, facts).cut == 1


def test_a_tokenizer_alone_makes_of_a_pair_what_training_saw() -> None:
    facts = fit_facts([corpus()], {"vocabulary": 150, "max_length": 12})
    tokenizer = Tokenizer.from_str(facts["tokenizer"])
    for pair in (("a film", "the plot"), (corpus()[0], "dull"), ("dull", corpus()[1])):
        assert tokenizer.encode(*pair).ids == encode([[pair[0]], [pair[1]]], facts)[0][0]


def test_facts_name_the_special_tokens() -> None:
    facts = fit_facts([corpus()], {"vocabulary": 150, "max_length": 16})
    assert facts["special_ids"] == [facts["pad_id"], facts["unknown_id"], 2, 3, facts["mask_id"]]
    assert len(set(facts["special_ids"])) == 5


def test_facts_survive_the_disk(tmp_path: Path) -> None:
    facts = fit_facts([corpus()], {"vocabulary": 150, "max_length": 16})
    module.save_facts(facts, tmp_path)
    loaded = module.load_facts(tmp_path)
    assert loaded == facts
    assert encode([["the film was not dull"]], loaded) == encode([["the film was not dull"]], facts)


def test_characters_as_tokens_keep_every_space_and_line() -> None:
    texts = ["To be,\n or  not", "Zoë\tbe"]
    facts = fit_facts([texts], {"kind": "characters", "vocabulary": 100, "max_length": 32})
    assert facts["vocabulary"] == len(module.SPECIAL) + len(set("".join(texts)))
    tokenizer = Tokenizer.from_str(facts["tokenizer"])
    encoded = [tokenizer.encode(each) for each in texts]
    assert [tokenizer.decode(each.ids) for each in encoded] == texts
    assert [len(each.ids) for each in encoded] == [len(each) + 2 for each in texts]
    few = fit_facts([texts], {"kind": "characters", "vocabulary": 8, "max_length": 32})
    commonest = [Tokenizer.from_str(few["tokenizer"]).id_to_token(token) for token in range(5, 8)]
    assert commonest == [" ", "o", "b"]  # "b", "e" and "t" are as common: by their order
    assert facts == fit_facts([texts], {"kind": "characters", "vocabulary": 100, "max_length": 32})
