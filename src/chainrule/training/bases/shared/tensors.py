"""Weights in files, as tensors by name: safetensors, whole or in shards; pickles only as far as they run no code."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from chainrule.system.errors import DataError
from chainrule.system.files import read_json

SAFE, PICKLED = "model.safetensors", "pytorch_model.bin"
_INSIDE = ("state_dict", "model_state_dict", "model")
"""Where trainings keep a net's weights among what else they write."""


def of_folder(folder: Path) -> dict[str, Tensor]:
    """Return the weights of a folder of the hub's form, as they are stored; safetensors before pickles.

    Raises DataError where there are none, one that is broken, or only a pickle that holds more than tensors.
    """
    loaders: Mapping[str, Callable[[Path], dict[str, Tensor]]] = {SAFE: _safe, PICKLED: _pickled}
    for name, load in loaders.items():
        if (folder / name).is_file():
            return load(folder / name)
        if (folder / f"{name}.index.json").is_file():
            return _shards(folder / f"{name}.index.json", load)
    raise DataError(f"{folder}: no weights; {SAFE} is needed, or {PICKLED}")


def of_file(path: Path) -> dict[str, Tensor]:
    """Return the weights of one file: safetensors by its ending, or else a pickle of tensors."""
    return _safe(path) if path.suffix == ".safetensors" else _pickled(path)


def stored_as(tensors: Mapping[str, Tensor]) -> torch.dtype:
    """Return the type of all the weights that are no integers; float32 where they are of several."""
    kinds = {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()}
    return kinds.pop() if len(kinds) == 1 else torch.float32


def _safe(path: Path) -> dict[str, Tensor]:
    try:
        found: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        why = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: no whole file of weights ({why}); bring it again") from None
    return found


def _pickled(path: Path) -> dict[str, Tensor]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise DataError(
            f"{path}: a pickle that holds more than tensors could run anything, and is not read; "
            "save the weights alone, best as safetensors"
        ) from None
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: no whole file of weights ({why}); bring it again") from None
    inside = next(
        (found[name] for name in _INSIDE if isinstance(found, dict) and isinstance(found.get(name), dict)), found
    )
    state = (
        {name: value for name, value in inside.items() if isinstance(value, Tensor)} if isinstance(inside, dict) else {}
    )
    if not state:
        raise DataError(f"{path}: no tensors by name; the `state_dict` of a net is needed")
    wrapped = "module."  # as a net is called that learnt on several processes
    return {
        name.removeprefix(wrapped) if all(each.startswith(wrapped) for each in state) else name: state[name]
        for name in state
    }


def _shards(index: Path, load: Callable[[Path], dict[str, Tensor]]) -> dict[str, Tensor]:
    said: Any = read_json(index)
    places = said.get("weight_map") if isinstance(said, dict) else None
    if not isinstance(places, dict) or not all(
        isinstance(name, str) and Path(name).name == name for name in places.values()
    ):
        raise DataError(f"{index}: no table of which weights are in which file; bring it again")
    found: dict[str, Tensor] = {}
    for name in sorted(set(places.values())):
        if not (index.parent / name).is_file():
            raise DataError(f"{index.parent / name}: not there, and {index.name} says that weights are in it; bring it")
        found |= load(index.parent / name)
    if missing := sorted(places.keys() - found.keys()):
        raise DataError(f"{index}: {', '.join(missing[:3])} in none of its files; bring them again")
    return found
