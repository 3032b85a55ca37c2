"""A text encoder of the Hugging Face hub, by name or from a folder of the hub's form; safetensors alone."""

import json
from pathlib import Path
from typing import Any

from chainrule.nets.transformers import build
from chainrule.system.errors import DataError
from chainrule.system.files import sha256
from chainrule.training.start import TOKENIZER, WEIGHTS
from chainrule.training.weights import save_weights

CONFIG = "config.json"
LICENCES = ("apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0")


def bring(out: Path, root: Path, place: str, modality: str, *, name: str, revision: str | None) -> dict[str, Any]:
    """Write the encoder's weights and its tokenizer; DataError for what is not there or is no such model."""
    folder = _folder(root, name, revision)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    net = {"name": "transformers", "config": config}
    model = build(config["vocab_size"], config.get("pad_token_id") or 0, config=config, dropout=None)
    load(model.encoder, folder)
    save_weights(model, out / WEIGHTS)
    return {
        "source": name,
        "files": {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.is_file()},
        "net": net,
        "inputs": _tokenizer(folder, out, config),
    }


def _folder(root: Path, name: str, revision: str | None) -> Path:
    for place in (Path(name), root / name, root / "models" / "huggingface" / name):
        if (place / CONFIG).is_file():
            return place
    raise DataError(
        f"base.name: {name}: not there; `hf download {name} --local-dir models/huggingface/{name}` brings its files"
    )


def load(encoder: Any, folder: Path) -> None:
    """Put the folder's weights into an encoder, whatever prefix they have there; DataError if any is missing."""
    from transformers import AutoModel

    found, info = AutoModel.from_pretrained(folder, dtype="float32", output_loading_info=True, use_safetensors=True)
    state, wanted = found.state_dict(), encoder.state_dict()
    missing = sorted({*info["missing_keys"], *wanted.keys() - state.keys()} & wanted.keys())
    if missing:
        raise DataError(f"{folder}: weights of another net: {', '.join(missing[:3])} missing")
    encoder.load_state_dict({key: state[key] for key in wanted})


def _tokenizer(folder: Path, out: Path, config: dict[str, Any]) -> dict[str, Any]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    special = {token.content: number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    (out / TOKENIZER).write_text(tokenizer.to_str(), encoding="utf-8")
    pad = config.get("pad_token_id") or 0
    return {
        "vocabulary": config["vocab_size"],
        "max_length": config["max_position_embeddings"],
        "pad_id": pad,
        "unknown_id": special.get("[UNK]", pad),
        "mask_id": special.get("[MASK]", pad),
        "special_ids": sorted(special.values()),
    }
