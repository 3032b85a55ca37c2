"""Texts in memory: token ids end to end in one tensor, batches of similar length, padded no further than needed."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from chainrule.fields.windows import fold, tokens_at_most
from chainrule.system.files import read_json, write_json
from chainrule.training.windows import Windows

FACTS = "texts.json"
TOKENIZER = "tokenizer.json"
PAD, UNKNOWN, START, END, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# Rows are sorted by length within this many batches: enough to pad little, few enough to keep the order random.
POOL_BATCHES = 50
PAD_MULTIPLE = 8
# An encoding takes far more memory than its ids.
ENCODED_TOGETHER = 10_000


class Inputs:
    """Token ids of all rows end to end, int32, with targets [N, …] (or none), as the training loop takes them."""

    def __init__(
        self, texts: list[list[int]], target: Tensor | None, facts: dict[str, Any], *, drop: float = 0.0, cut: int = 0
    ) -> None:
        """Keep the tokens and how each training batch is distorted: drop is the share of tokens made unknown.

        cut: how many of the texts are not whole.
        """
        self.lengths = torch.tensor([len(ids) for ids in texts])
        self.starts = torch.cat([torch.zeros(1, dtype=torch.int64), self.lengths.cumsum(0)[:-1]])
        self.flat = torch.tensor([token for ids in texts for token in ids], dtype=torch.int32)
        self.target, self.pad_id, self.unknown_id, self.drop = target, facts["pad_id"], facts["unknown_id"], drop
        self.max_length, self.cut = facts["max_length"], cut

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.lengths)

    def order(self, batch_size: int, generator: torch.Generator | None) -> list[Tensor]:
        """Return the batches of one pass as row indices, of similar length each; shuffled by the generator."""
        if generator is None:
            return list(torch.split(self.lengths.argsort(stable=True), batch_size))
        batches: list[Tensor] = []
        for pool in torch.split(torch.randperm(len(self), generator=generator), batch_size * POOL_BATCHES):
            batches += torch.split(pool[self.lengths[pool].argsort(stable=True)], batch_size)
        return [batches[position] for position in torch.randperm(len(batches), generator=generator).tolist()]

    def take(self, index: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Return input_ids and attention_mask int64 [B, T] and target [B, …].

        T is the longest row rounded up to eight, at most max_length.
        """
        lengths = self.lengths[index]
        longest = int(lengths.max())
        # No further than max_length, which no row exceeds: a net may have no positions beyond it.
        positions = torch.arange(min(longest + -longest % PAD_MULTIPLE, self.max_length))
        mask = positions < lengths[:, None]
        places = (self.starts[index][:, None] + positions).clamp(max=len(self.flat) - 1)
        ids = torch.where(mask, self.flat[places].long(), self.pad_id)
        if generator is not None and self.drop:
            # The first and the last token mark the ends of the text and stay.
            inner = (positions > 0) & (positions < lengths[:, None] - 1)
            ids = torch.where(inner & (torch.rand(ids.shape, generator=generator) < self.drop), self.unknown_id, ids)
        batch = {"input_ids": ids, "attention_mask": mask.long()}
        return batch if self.target is None else batch | {"target": self.target[index]}


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Train a byte-pair tokenizer (Sennrich et al. 2016, arXiv:1508.07909) on words and punctuation.

    Texts are taken as cleaning left them: whether case counts is `clean.normalise.lowercase` alone, and no mark,
    vowel sign or joiner of any script is dropped. Byte pairs, not word pieces: the trainer of word pieces makes
    another vocabulary at every run.
    """
    from tokenizers import models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    # An ideograph is a word of its own. The rest of what BERT does to a text would drop marks and joiners.
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False
    )
    # A word's start is a character of its own. The trainer's way to mark an end, `end_of_word_suffix`, numbers the
    # marked characters in the order of a hash table, another one at every run.
    marked = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), marked])
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=list(SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return _framed(tokenizer)


def character_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Return a tokenizer whose tokens are the commonest characters of texts, spaces and line ends among them."""
    from tokenizers import Regex, decoders, models, pre_tokenizers

    often = Counter(chain.from_iterable(texts))
    commonest = sorted(often, key=lambda character: (-often[character], character))
    tokens = [*SPECIAL, *commonest[: vocabulary - len(SPECIAL)]]
    tokenizer = Tokenizer(models.WordLevel({token: place for place, token in enumerate(tokens)}, unk_token=UNKNOWN))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return _framed(tokenizer)


def byte_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Train a byte-pair tokenizer on bytes (Radford et al. 2019, GPT-2, section 2.2): nothing is unknown, nothing lost.

    Joined, the tokens of a text are the text, with every blank and line end.
    """
    from tokenizers import decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _framed(tokenizer)


def word_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Return a tokenizer whose tokens are the commonest words and signs of texts; an ideograph is a word of its own."""
    from tokenizers import models, normalizers, pre_tokenizers

    normalizer = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False
    )
    cut = pre_tokenizers.BertPreTokenizer()
    often = Counter(word for text in texts for word, _ in cut.pre_tokenize_str(normalizer.normalize_str(text)))
    commonest = sorted(often, key=lambda word: (-often[word], word))
    tokens = [*SPECIAL, *[word for word in commonest if word not in SPECIAL][: vocabulary - len(SPECIAL)]]
    tokenizer = Tokenizer(models.WordLevel({token: place for place, token in enumerate(tokens)}, unk_token=UNKNOWN))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = cut
    return _framed(tokenizer)


TOKENIZERS = {
    "byte_pairs": train_tokenizer,
    "bytes": byte_tokenizer,
    "characters": character_tokenizer,
    "words": word_tokenizer,
}


def _framed(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer that marks the start of a text, and an end after each of one or two."""
    from tokenizers import processors

    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        pair=f"{START} $A {END} $B:1 {END}:1",
        special_tokens=[(START, tokenizer.token_to_id(START)), (END, tokenizer.token_to_id(END))],
    )
    return tokenizer


def _endless(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer that marks the start of a text and no end, as where rows are cut out of a longer text."""
    from tokenizers import processors

    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", special_tokens=[(START, tokenizer.token_to_id(START))]
    )
    return tokenizer


def held(values: Sequence[str], decode: Callable[[Sequence[str]], list[str]], once: bool = False) -> list[str]:
    """Return rows' texts as they are held in memory, however often they are looked at."""
    return decode(values)


def of_fields(
    fields: list[list[str]], target: Tensor | None, facts: dict[str, Any], **distort: Any
) -> "Inputs | Windows":
    """Return the rows with these texts in their input fields, one or two; in windows where the facts have such."""
    if facts.get("windows"):
        tokenizer = Tokenizer.from_str(facts["tokenizer"])
        return Windows(list(fold(tokenizer, _rows(fields), facts)), target, facts, **distort)
    texts, cut = encode(fields, facts)
    return Inputs(texts, target, facts, cut=cut, **distort)


def apart(inputs: "Inputs | Windows", facts: dict[str, Any]) -> Inputs:
    """Return inputs without targets whose rows are single windows, for what learns from tokens alone."""
    if isinstance(inputs, Inputs):
        return inputs
    return Inputs(inputs.apart(), None, facts, drop=inputs.drop, cut=inputs.cut)


def _rows(fields: list[list[str]]) -> list[Any]:
    return fields[0] if len(fields) == 1 else list(zip(*fields, strict=True))


def encode(fields: list[list[str]], facts: dict[str, Any]) -> tuple[list[list[int]], int]:
    """Return the token ids of each row, its texts' ends included, cut to max_length, and how many rows were cut.

    A pair is one sequence, with an end after each text; of the two the longer is cut first. All of that is in the
    tokenizer, so that whoever serves the model does the same with it.
    """
    rows = _rows(fields)
    tokenizer = Tokenizer.from_str(facts["tokenizer"])
    texts, cut = [], 0
    for start in range(0, len(rows), ENCODED_TOGETHER):
        found = tokenizer.encode_batch_fast(rows[start : start + ENCODED_TOGETHER])
        texts += [encoding.ids for encoding in found]
        cut += sum(bool(encoding.overflowing) for encoding in found)
    return texts, cut


def fit_facts(
    fields: list[list[str]],
    tokenizer: dict[str, Any] | None,
    base: dict[str, Any] | None = None,
    normalise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what training texts tell: a tokenizer trained on those of all input fields, and its numbers.

    tokenizer: kind (byte_pairs, if it is not said, bytes, characters or words), vocabulary (largest number of tokens),
    max_length (tokens of a text that are kept), ends (false: no token marks the end of a text) and windows (None: a
    text that is longer is cut; else max_length are the tokens of a window, see `fields.windows`). base: what the base's
    net takes; its tokenizer wins, and no text, or window, may be longer than that net takes.
    """
    assert tokenizer is not None  # the full check of params.yaml refuses a text recipe without it
    if base is not None:
        own, longest = Tokenizer.from_str(base["tokenizer"]), min(tokenizer["max_length"], base["max_length"])
        kept = _kept(own, longest, tokenizer.get("windows"))
        return {**base, "max_length": longest, "tokenizer": own.to_str(), **kept}
    train = TOKENIZERS[tokenizer.get("kind", "byte_pairs")]
    trained = train(chain(*fields), tokenizer["vocabulary"])
    trained = trained if tokenizer.get("ends", True) else _endless(trained)
    kept = _kept(trained, tokenizer["max_length"], tokenizer.get("windows"))
    return {
        "vocabulary": trained.get_vocab_size(),
        "max_length": tokenizer["max_length"],
        "pad_id": trained.token_to_id(PAD),
        "unknown_id": trained.token_to_id(UNKNOWN),
        "end_id": trained.token_to_id(END),
        "mask_id": trained.token_to_id(MASK),
        "special_ids": [trained.token_to_id(token) for token in SPECIAL],
        "tokenizer": trained.to_str(),
        **kept,
    }


def _kept(tokenizer: Tokenizer, longest: int, windows: dict[str, int] | None) -> dict[str, Any]:
    """Have a tokenizer cut texts at the longest, unless they are folded into windows; return what facts say of these.

    most_tokens: of a text, beyond which it is cut all the same.
    """
    if windows is None:
        tokenizer.enable_truncation(longest)
        return {}
    # A base may take shorter texts than the recipe asks for.
    found = {**windows, "overlap": min(windows["overlap"], longest // 4)}
    framing = tokenizer.num_special_tokens_to_add(is_pair=False)
    return {"windows": found, "most_tokens": tokens_at_most(longest, **found, framing=framing)}


def beside_base(facts: dict[str, Any], base: dict[str, Any], block: dict[str, Any]) -> list[str]:
    """Return in words what a base's tokenizer does not give of what a recipe asks for; block: as it is written."""
    asked = block.get("pretrain", {}).get("tokenizer") or {}
    said = []
    if asked.get("vocabulary", base["vocabulary"]) != base["vocabulary"]:
        counted = f"{base['vocabulary']:,} tokens, not {asked['vocabulary']:,}"
        said.append(f"pretrain.tokenizer.vocabulary: the base's tokenizer wins, {counted}")
    if asked.get("max_length", 0) > facts["max_length"]:
        kept = f"{facts['max_length']:,} tokens, not {asked['max_length']:,}"
        said.append(f"pretrain.tokenizer.max_length: a text is cut at {kept}: the base has no more positions")
    return said


def net_arguments(facts: dict[str, Any]) -> dict[str, int]:
    """Return the arguments of a text encoder that the rows decide."""
    return {"vocabulary": facts["vocabulary"], "pad_id": facts["pad_id"]}


def net_inputs(facts: dict[str, Any], rows: int) -> tuple[Tensor, ...]:
    """Return what a net is called with for so many of the longest rows: ids and mask, int64 [rows, max_length]."""
    ids = torch.full((rows, facts["max_length"]), facts["unknown_id"])
    return ids, torch.ones_like(ids)


def save_facts(facts: dict[str, Any], folder: Path) -> None:
    """Write the facts where `load_facts` finds them, the tokenizer in a file of its own."""
    write_json(folder / FACTS, {name: value for name, value in facts.items() if name != "tokenizer"})
    (folder / TOKENIZER).write_text(facts["tokenizer"], encoding="utf-8")


def load_facts(folder: Path) -> dict[str, Any]:
    """Read the facts that `save_facts` wrote."""
    return {**read_json(folder / FACTS), "tokenizer": (folder / TOKENIZER).read_text(encoding="utf-8")}


def preprocessing(facts: dict[str, Any], normalise: dict[str, Any]) -> dict[str, Any]:
    """Return what a server does to a text before the graph: the rows' normalisation, then the tokenizer."""
    return {
        "normalise": normalise,
        "tokenizer": TOKENIZER,
        "max_length": facts["max_length"],
        "pad_id": facts["pad_id"],
        **({"windows": facts["windows"]} if facts.get("windows") else {}),
    }
