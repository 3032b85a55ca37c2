"""Pretrained weights that are on this machine, and whether they fit the examples."""

import json
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.fields.text import words
from chainrule.system.errors import ChainruleError, DataError

REAL_MODELS = "CHAINRULE_REAL_MODELS"
"""The variable that names a folder of bases."""
CONFIG = "config.json"
ENDINGS = (".safetensors", ".pth", ".pt", ".bin")
UNKNOWN = 0.02
"""A tokenizer that knows less of the texts than all but this share of their tokens is of another script."""
PIECES = 2.5
"""Tokens for a word above which a tokenizer spells rather than reads: it learned another language."""


class Base(NamedTuple):
    """Weights on disk, as a recipe names them."""

    origin: str
    """huggingface, timm or torchvision."""
    name: str
    folder: Path
    weights: int
    """How many numbers, word embeddings aside."""
    arch: str | None = None
    channels: int = 3

    @property
    def modality(self) -> str:
        """The modality whose rows it takes."""
        return "text" if self.origin == "huggingface" else "image"


class Fit(NamedTuple):
    """How a tokenizer reads texts: shares of tokens, tokens for a word, tokens of the longest texts but a few."""

    unknown: float
    pieces: float
    longest: int
    mean: float


def there(root: Path) -> list[Base]:
    """Return the bases on this machine: below models/, in $CHAINRULE_REAL_MODELS, in the hub's cache."""
    found: list[Base] = []
    for origin in ("huggingface", "timm", "torchvision"):
        place = root / "models" / origin
        found += [
            base for path in _entries(place) if (base := of(path, path.relative_to(place).as_posix())) is not None
        ]
    if os.environ.get(REAL_MODELS):
        place = Path(os.environ[REAL_MODELS]).expanduser().absolute()
        found += [base for path in _entries(place) if (base := of(path, str(path))) is not None]
    return found + list(_cached())


def named(root: Path, name: str) -> Base:
    """Return the base of a name or path; DataError where there is none."""
    places = [
        Path(name).expanduser().absolute(),
        *(root / "models" / each / name for each in ("huggingface", "timm", "torchvision")),
    ]
    for path in places:
        if path.exists() and (base := of(path, name if path != places[0] else str(path))) is not None:
            return base
    for base in there(root):
        if name in (base.name, Path(base.name).name):
            return base
    known = ", ".join(Path(base.name).name for base in there(root)) or "none"
    raise DataError(
        f"--base {name}: not on this machine ({known} there); `nothing` starts from random numbers, docs/bases.md"
    )


def of(path: Path, name: str) -> Base | None:
    """Return the base that a folder or file is; None where it is none."""
    if path.is_file():
        arch = path.stem.partition("-")[0]
        return Base("torchvision", name, path, 0, arch) if path.suffix in ENDINGS and path.stat().st_size else None
    if not (path / CONFIG).is_file():
        return None
    try:
        config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
    except ValueError:
        return None
    if isinstance(config.get("architecture"), str) and isinstance(config.get("pretrained_cfg"), dict):
        size = config["pretrained_cfg"].get("input_size") or [3, 224, 224]
        return Base("timm", name, path, _weights(path), config["architecture"], int(size[0]))
    if isinstance(config.get("vocab_size"), int) and not config.get("is_encoder_decoder"):
        return Base("huggingface", name, path, _weights(path), str(config.get("model_type")))
    return None


def _entries(place: Path) -> Iterator[Path]:
    """Yield folders and files in a place, and the folders of one of an owner's name."""
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if path.is_dir() and not (path / CONFIG).is_file():
            yield from (each for each in sorted(path.iterdir()) if each.is_dir())
        elif path.is_dir() or path.suffix in ENDINGS:
            yield path


def _cached() -> Iterator[Base]:
    """Yield what the hub's own cache holds, by the hub's name, as `fetch` finds it without a network."""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface")).expanduser()
    place = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    for folder in sorted(place.glob("models--*")):
        name = folder.name.removeprefix("models--").replace("--", "/")
        for snapshot in sorted((folder / "snapshots").glob("*")):
            if (base := of(snapshot, name)) is not None and base.weights:
                yield base
                break


def _weights(folder: Path) -> int:
    """Return how many numbers the safetensors of a folder hold, word embeddings aside; 0 where that is not said."""
    total = 0
    for file in folder.glob("*.safetensors"):
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header: dict[str, Any] = json.loads(stream.read(length))
        for name, tensor in header.items():
            if name != "__metadata__" and not ("embed" in name and "word" in name):
                size = 1
                for side in tensor["shape"]:
                    size *= side
                total += size
    return total


def fit(base: Base, texts: Sequence[tuple[str, ...]]) -> Fit:
    """Return how a base's tokenizer reads texts. Raises DataError for one that cannot be read."""
    from chainrule.training.bases.shared import tokenizer

    config = json.loads((base.folder / CONFIG).read_text(encoding="utf-8"))
    try:
        own, roles, _ = tokenizer.of_folder(base.folder, config)
    except ChainruleError as error:
        raise DataError(f"{base.folder}: {error}") from None
    joined = [" ".join(each) for each in texts if any(each)]
    encoded = own.encode_batch(joined, add_special_tokens=False)
    lengths = sorted(len(each.ids) for each in encoded)
    tokens, spoken = sum(lengths), sum(len(words(each)) for each in joined)
    unknown = sum(each.ids.count(roles["unknown"]) for each in encoded if roles["unknown"] is not None)
    longest = lengths[min(len(lengths) - 1, int(0.98 * len(lengths)))]
    return Fit(unknown / max(tokens, 1), tokens / max(spoken, 1), longest, tokens / max(len(lengths), 1))


def block(base: Base | None) -> dict[str, Any]:
    """Return the block `base` of a recipe."""
    if base is None:
        return {"from": "nothing"}
    return {"from": base.origin, "name": base.name} | ({"arch": base.arch} if base.origin == "torchvision" else {})
