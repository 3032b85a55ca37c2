"""An image net of timm, by name or from a folder of timm's form (`local-dir`); safetensors alone."""

import json
from pathlib import Path
from typing import Any

from chainrule.system.errors import DataError
from chainrule.system.files import sha256
from chainrule.training.start import WEIGHTS

CONFIG = "config.json"


def bring(out: Path, root: Path, place: str, modality: str, *, name: str, revision: str | None) -> dict[str, Any]:
    """Write the net's weights without its classifier; DataError for what is not there or is no such model."""
    import timm

    from chainrule.nets.timm import build
    from chainrule.training.weights import save_weights

    folder = _folder(root, name)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    arch, taken = config["architecture"], config["pretrained_cfg"]
    net = build(3, arch=arch, size=None)
    net.net.load_state_dict(timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).state_dict())
    save_weights(net, out / WEIGHTS)
    return {
        "source": name,
        "licence": taken.get("license"),
        "files": {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.is_file()},
        "net": {"name": "timm", "arch": arch},
        "inputs": {
            "mean": list(taken["mean"]),
            "std": list(taken["std"]),
            "size": taken["input_size"][1:],
            "interpolation": taken["interpolation"],
            "crop": taken["crop_pct"],
        },
    }


def _folder(root: Path, name: str) -> Path:
    for place in (Path(name), root / name, root / "models" / "timm" / name):
        if (place / CONFIG).is_file():
            return place
    raise DataError(f"base.name: {name}: not there; `hf download timm/{name} --local-dir models/timm/{name}` brings it")
