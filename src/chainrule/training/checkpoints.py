"""Checkpoints: one safetensors file that a killed training resumes from, under a key of everything that shaped it.

No pickle: tensors are safetensors, everything else is JSON in the file's header, with a checksum of it all. Randomness
needs no saving because every step draws from a generator seeded by the step (see `loop`). accelerate's own `save_state`
is not used: whatever it is told, it pickles the optimizer and the states of generators, in files that a kill can leave
of two different moments.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from chainrule.system.errors import DataError
from chainrule.system.files import remove, sha256
from chainrule.training.peers import like, whole

# model, best, average, optimizer: tensors by name.
Groups = dict[str, dict[str, Tensor]]


def checkpoint_path(folder: Path, settings: Any, root: Path, inputs: Iterable[str]) -> Path:
    """Return where the training of these settings on these inputs keeps its checkpoint; remove all others in `folder`.

    inputs: files and folders below `root`, data and code alike. The key covers the settings, the names and bytes of all
    these files, the version of torch and the number of threads: whatever could change the last bits of the weights.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(f"torch {torch.__version__}, {torch.get_num_threads()} threads".encode())
    for name in sorted(inputs):
        for path in sorted(path for path in (root / name, *(root / name).rglob("*")) if path.is_file()):
            digest.update(f"{path.relative_to(root).as_posix()} {sha256(path)}\n".encode())
    if not folder.is_dir():
        remove(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{digest.hexdigest()[:32]}.safetensors"
    for other in folder.iterdir():
        if other != path:
            remove(other)
    return path


def save(
    path: Path,
    state: dict[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
    average: dict[str, Tensor],
    *,
    writes: bool = True,
) -> None:
    """Write a checkpoint: to a sibling first, so that the one before survives a kill in between.

    best, average: the model's state at its best, and its moving average; empty where there is none. Of several
    processes each has to call this, for each may have a share of the weights, and one of them writes.
    """
    tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
    tensors |= {f"average/{name}": tensor for name, tensor in average.items()}
    numbers: dict[str, Any] = {}
    for index, slots in optimizer.state_dict()["state"].items():
        for slot, value in slots.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{index}/{slot}"] = value
            elif value is not None:
                numbers[f"{index}/{slot}"] = value
    tensors = _apart({name: whole(tensor.detach()).cpu().contiguous() for name, tensor in tensors.items()})
    if not writes:
        return
    content = json.dumps({"state": state, "optimizer": numbers})
    sibling = path.with_suffix(".partial")
    try:
        save_file(tensors, sibling, {"json": content, "checksum": _checksum(tensors, content)})
    except BaseException:
        sibling.unlink(missing_ok=True)  # on a full disk its room is wanted for the rest
        raise
    os.replace(sibling, path)


def load(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Tensor]]:
    """Restore model and optimizer in place; return the loop's state, the best weights and the average.

    DataError, with model and optimizer as they were, for a file that is no whole checkpoint of theirs.
    """
    groups, header = _read(path)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    slots: dict[int, dict[str, Any]] = {}
    for key, value in {**groups["optimizer"], **header["optimizer"]}.items():
        index, slot = key.split("/")
        slots.setdefault(int(index), {})[slot] = value
    _check_shapes(path, groups, slots, model, parameters)
    present = model.state_dict()
    model.load_state_dict({name: like(tensor, present[name]) for name, tensor in groups["model"].items()})
    for index, values in slots.items():
        for slot, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameters[index].shape:
                # Fused optimizers walk weights and moments side by side in memory: both must be laid out alike.
                laid_out = torch.empty_like(parameters[index], dtype=value.dtype)
                values[slot] = laid_out.copy_(like(value, laid_out))
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    best, average = (
        {name: like(tensor, present[name]) for name, tensor in groups[kind].items()} for kind in ("best", "average")
    )
    return header["state"], best, average


def _read(path: Path) -> tuple[Groups, dict[str, Any]]:
    """Return tensors and header of a checkpoint; DataError for a file that `save` did not write, or not to its end."""
    tensors: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            for key in file.keys():  # noqa: SIM118 - safe_open is not a mapping
                tensors[key] = file.get_tensor(key)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is no whole checkpoint ({str(error).partition(chr(10))[0]})") from error
    content = metadata.get("json", "")
    if metadata.get("checksum") != _checksum(tensors, content):
        raise DataError(f"{path} is no whole checkpoint (its checksum is another)")
    groups: Groups = {"model": {}, "best": {}, "average": {}, "optimizer": {}}
    for key, tensor in tensors.items():
        group, name = key.split("/", 1)
        groups[group][name] = tensor
    return groups, json.loads(content)


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors of which no two share memory, which safetensors refuses: copies of those alone that do."""
    seen: set[int] = set()
    found = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        found[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return found


def _checksum(tensors: dict[str, Tensor], content: str) -> str:
    """Return the CRC-32 of the header's JSON and every tensor's name, form and bytes."""
    checksum = zlib.crc32(content.encode())
    for name, tensor in sorted(tensors.items()):
        checksum = zlib.crc32(f"{name} {tensor.dtype} {list(tensor.shape)}".encode(), checksum)
        checksum = zlib.crc32(tensor.flatten().view(torch.uint8).numpy(), checksum)  # type: ignore[arg-type]
    return f"{checksum:08x}"


def _check_shapes(
    path: Path, groups: Groups, slots: dict[int, dict[str, Any]], model: nn.Module, parameters: list[Tensor]
) -> None:
    """Raise DataError for a checkpoint of another model or another optimizer's weights."""
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    for name in ("model", "best", "average"):
        found = {name: tensor.shape for name, tensor in groups[name].items()}
        if found != wanted and (found or name == "model"):
            raise DataError(f"{path} is the checkpoint of another model")
    for index, values in slots.items():
        shapes = [value.shape for value in values.values() if isinstance(value, Tensor) and value.ndim]
        if index >= len(parameters) or not all(_spans(shape, parameters[index].shape) for shape in shapes):
            raise DataError(f"{path} is the checkpoint of another model")


def _spans(slot: torch.Size, weight: torch.Size) -> bool:
    """Return whether moments of a shape are a weight's: of its sizes, or 1 where they are factored (Adafactor)."""
    return len(slot) == len(weight) and all(one in (1, other) for one, other in zip(slot, weight, strict=True))
