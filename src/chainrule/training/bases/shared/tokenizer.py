"""The tokenizer that comes with a base, in the one form that training and servers read, and what its tokens mean."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, processors

from chainrule.system.errors import DataError

FILE = "tokenizer.json"
_SAYING = ("special_tokens_map.json", "tokenizer_config.json")
_VOCABULARIES = ("vocab.txt", "vocab.json", "*.model")
# A token by its roles, as transformers names them: the first that a tokenizer has.
ROLES = {
    "pad": ("pad_token", "eos_token"),  # what is padded is masked, so that any token will do
    "unknown": ("unk_token", "mask_token", "pad_token", "eos_token"),
    "end": ("sep_token", "eos_token"),
    "mask": ("mask_token",),
}


def of_folder(folder: Path, config: Mapping[str, Any]) -> tuple[Tokenizer, dict[str, int | None], int | None]:
    """Return a folder's tokenizer, the token of each of ROLES (None: it has none), and how long a text it says may be.

    config: the model's, which says by number what the tokenizer's own files do not. A tokenizer that puts no token
    behind each text, as those of decoders do not, is made to put its end there. Raises DataError for a tokenizer that
    cannot be read or that is of another model.
    """
    tokenizer, said = _read(folder)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ids = {name: tokenizer.token_to_id(token) for name, token in said.items() if isinstance(token, str)}
    for name in ("pad_token", "eos_token", "bos_token", "sep_token"):
        number = config.get(f"{name}_id")
        if ids.get(name) is None and isinstance(number, int) and tokenizer.id_to_token(number) is not None:
            ids[name] = number
    roles = {
        role: next((ids[name] for name in names if ids.get(name) is not None), None) for role, names in ROLES.items()
    }
    highest = max(tokenizer.get_vocab(with_added_tokens=True).values())
    if highest >= config["vocab_size"]:
        raise DataError(
            f"{folder}: its tokenizer numbers tokens up to {highest:,}, its net has {config['vocab_size']:,}; "
            "they are of two models"
        )
    if roles["end"] is not None and not _ends_texts(tokenizer, roles["end"]):
        _end_texts(tokenizer, roles["end"])
    longest = said.get("model_max_length")
    return tokenizer, roles, int(longest) if isinstance(longest, int | float) and 0 < longest < 1_000_000 else None


def special_ids(tokenizer: Tokenizer, roles: Mapping[str, int | None]) -> list[int]:
    """Return every token that stands for no part of a text, in order of its number."""
    added = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    return sorted(added | {number for number in roles.values() if number is not None})


def _read(folder: Path) -> tuple[Tokenizer, dict[str, Any]]:
    """Return the tokenizer, and what its files say beside: tokens by their names, and numbers."""
    said: dict[str, Any] = {}
    for name in _SAYING:
        if (folder / name).is_file():
            content = json.loads((folder / name).read_text(encoding="utf-8"))
            said |= {key: value.get("content") if isinstance(value, dict) else value for key, value in content.items()}
    try:
        if (folder / FILE).is_file():
            return Tokenizer.from_file(str(folder / FILE)), said
        if not any(path for pattern in _VOCABULARIES for path in folder.glob(pattern)):
            raise DataError("there is no file of a vocabulary")  # transformers would make one of five tokens
        from transformers import AutoTokenizer

        made = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        backend: Any = made.backend_tokenizer
        return Tokenizer.from_str(backend.to_str()), {
            **made.special_tokens_map,
            "model_max_length": made.model_max_length,
        }
    except Exception as error:  # the tokenizers' and transformers' own, of any type
        why = " ".join(str(error).split())[:200]
        raise DataError(f"{folder}: no tokenizer that can be read ({why}); {FILE} is needed") from None


def _ends_texts(tokenizer: Tokenizer, end: int) -> bool:
    return tokenizer.encode("a").ids[-1:] == [end] and tokenizer.encode("a", "a").ids.count(end) > 1


def _end_texts(tokenizer: Tokenizer, end: int) -> None:
    token = tokenizer.id_to_token(end)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {token}", pair=f"$A {token} $B:1 {token}:1", special_tokens=[(token, end)]
    )
