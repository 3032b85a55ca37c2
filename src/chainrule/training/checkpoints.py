"""Checkpoints: one safetensors file that a killed training resumes from, under a key of everything that shaped it.

No pickle: tensors are safetensors, everything else is JSON in the file's header. Randomness needs no saving because
every step draws from a generator seeded by the step (see `loop`).
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from chainrule.files import sha256


def checkpoint_path(folder: Path, settings: Any, inputs: list[Path]) -> Path:
    """Return where the training of these settings on these inputs keeps its checkpoint; remove all others in `folder`.

    The key covers the settings, the bytes of the input files, the project's own code that is loaded, the version of
    torch and the number of threads: whatever could change the last bits of the weights.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(f"torch {torch.__version__}, {torch.get_num_threads()} threads".encode())
    for path in sorted(inputs):
        digest.update(f"{path.name} {sha256(path)}".encode())
    sources = {module.__file__ for name, module in list(sys.modules.items()) if name.split(".")[0] == "chainrule"}
    for source in sorted(filter(None, sources)):
        digest.update(sha256(Path(source)).encode())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{digest.hexdigest()[:32]}.safetensors"
    for other in folder.iterdir():
        if other != path:
            other.unlink()
    return path


def save(
    path: Path, state: dict[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer, best: dict[str, Tensor]
) -> None:
    """Write a checkpoint: to a sibling first, so that the one before survives a kill in between."""
    tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
    numbers: dict[str, Any] = {}
    for index, slots in optimizer.state_dict()["state"].items():
        for slot, value in slots.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{index}/{slot}"] = value
            elif value is not None:
                numbers[f"{index}/{slot}"] = value
    header = json.dumps({"state": state, "optimizer": numbers})
    sibling = path.with_suffix(".partial")
    save_file(
        {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}, sibling, {"json": header}
    )
    os.replace(sibling, path)


def load(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Restore model and optimizer in place; return the loop's state and the best weights."""
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["json"])
        for key in file.keys():  # noqa: SIM118 - safe_open is not a mapping
            group, name = key.split("/", 1)
            groups[group][name] = file.get_tensor(key)
    model.load_state_dict(groups["model"])
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    slots: dict[int, dict[str, Any]] = {}
    for key, value in {**groups["optimizer"], **header["optimizer"]}.items():
        index, slot = key.split("/")
        if isinstance(value, Tensor) and value.shape == parameters[int(index)].shape:
            # Fused optimizers walk weights and moments side by side in memory: both must be laid out alike.
            value = torch.empty_like(parameters[int(index)], dtype=value.dtype).copy_(value)
        slots.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    return header["state"], groups["best"]
