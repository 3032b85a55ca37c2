"""How good the models of the gallery are, on real data: what every quoted figure of quality comes from.

A gallery is a folder of recipes (examples/<name>.yaml, one short recipe each, whose comment says what data it needs and
where from). For each of those named, or all: the block alone is put into the params.yaml of a temporary clone of the
commit that is checked out, `dvc repro` builds it from its data to its bundle, and what the bundle's signature says of
its quality becomes the recipe's record in quality.json; records of other recipes stay. A record is

    {recipe, data, task, base, strategy, rows, primary: {name, value, low, high}, floor: {name, value},
     training_seconds, machine, commit}

primary is on the test rows, with its 95% interval; floor is the best of the simple models on the same rows;
training_seconds are those of the training loops alone; base is what the training started from, null for random weights.
A recipe's data are below --data, by its `source.path`; a base that no recipe made is below --models, by its name.
"""

import difflib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import common
import yaml

GALLERY = common.ROOT / "examples"
REAL_MODELS = "CHAINRULE_REAL_MODELS"
Block = dict[str, Any]
Record = dict[str, Any]


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("names", nargs="*", help="recipes of the gallery (default: all)")
    parser.add_argument("--data", type=Path, help=f"folder of the data sets (default: ${common.REAL_DATA})")
    parser.add_argument("--models", type=Path, help=f"folder of the bases (default: ${REAL_MODELS})")
    parser.add_argument("--gallery", type=Path, default=GALLERY, help="folder of recipes (default: examples)")
    parser.add_argument("--keep", action="store_true", help="keep the clone")
    options = parser.parse_args()
    blocks = chosen(gallery(options.gallery), options.names)
    data = data_folder(options.data, blocks)
    bases = bases_folder(options.models, blocks)
    path = options.results / "quality.json"
    with common.temporary_folder(options.keep) as folder:
        commit, root = common.commit(), common.clone(folder / "clone")
        for name, block in blocks.items():
            print(name, flush=True)
            placed = block | {"source": block["source"] | {"path": str(data / block["source"]["path"])}}
            common.write_recipes(root, {name: placed})
            bring_base(root, block, bases)
            refuse_mistakes(root)
            common.repro(root, f"export@{name}")
            found = record(root, name, block, commit)
            keep(path, [found])  # at once: a long run that is cut short keeps what it has
            print(json.dumps(found, ensure_ascii=False), flush=True)


def gallery(folder: Path) -> dict[str, Block]:
    """Return the blocks of a gallery by name. Ends the benchmark if a file is not the one recipe of its name."""
    found: dict[str, Block] = {}
    for path in sorted(folder.glob("*.yaml")):
        recipes = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("recipes")
        if not isinstance(recipes, dict) or list(recipes) != [path.stem]:
            common.stop(f"{path}: one recipe named {path.stem} is needed, below `recipes:`")
        found |= recipes
    if not found:
        common.stop(f"{folder} holds no recipe (<name>.yaml)")
    return found


def chosen(blocks: dict[str, Block], names: Iterable[str]) -> dict[str, Block]:
    """Return the blocks of these names, or all. Ends the benchmark if one is not there."""
    for name in names:
        if name not in blocks:
            near = difflib.get_close_matches(name, blocks, 1)
            meant = f"did you mean {near[0]}? " if near else ""
            common.stop(f"no recipe {name} in the gallery; {meant}There are {', '.join(blocks)}")
    return {name: blocks[name] for name in names} or blocks


def data_folder(given: Path | None, blocks: dict[str, Block]) -> Path:
    """Return the folder of the data sets. Ends the benchmark if the data of a recipe are not there."""
    if given is None and not os.environ.get(common.REAL_DATA):
        common.stop(f"--data, or {common.REAL_DATA}, must name the folder of the data sets")
    place = (given or Path(os.environ[common.REAL_DATA])).resolve()
    for name, block in blocks.items():
        if not (place / block["source"]["path"]).exists():
            common.stop(f"{place} has no {block['source']['path']}; examples/{name}.yaml says where to get it")
    return place


def bases_folder(given: Path | None, blocks: dict[str, Block]) -> Path | None:
    """Return the folder of the bases; None where no recipe has one. Ends the benchmark if a base is not there."""
    wanted = {block["base"]["name"]: name for name, block in blocks.items() if "name" in block["base"]}
    if not wanted:
        return None
    if given is None and not os.environ.get(REAL_MODELS):
        common.stop(f"--models, or {REAL_MODELS}, must name the folder of the bases")
    place = (given or Path(os.environ[REAL_MODELS])).resolve()
    for base, name in wanted.items():
        if not (place / base).is_dir():
            common.stop(f"{place} has no {base}; examples/{name}.yaml says where to get it")
    return place


def bring_base(root: Path, block: Block, bases: Path | None) -> None:
    """Put a recipe's base where `fetch` looks first."""
    if bases is not None and "name" in block["base"]:
        place = root / "models" / block["base"]["from"] / block["base"]["name"]
        shutil.copytree(bases / block["base"]["name"], place, dirs_exist_ok=True)


def refuse_mistakes(root: Path) -> None:
    """End the benchmark if the recipe is none."""
    command = [sys.executable, "-m", "chainrule.recipes.check"]
    checked = subprocess.run(
        command, cwd=root, env=common.environment(root), capture_output=True, text=True, check=False
    )
    if checked.returncode != 0:
        common.stop(checked.stderr.strip() or checked.stdout.strip())


def record(root: Path, name: str, block: Block, commit: str) -> Record:
    """Return what a chain that was built below `root` says of a recipe."""
    quality = common.read_json(root / "models" / "onnx" / name / "signature.json")["quality"]
    split = common.read_json(root / "reports" / name / "split.json")
    seconds = [common.training_seconds(root, name, stage) for stage in ("pretrain", "finetune")]
    return {
        "recipe": name,
        "data": block["source"]["path"],
        "task": block["task"],
        "base": None if block["base"]["from"] == "nothing" else block["base"],
        "strategy": block["finetune"]["strategy"]["name"],
        "rows": {"training": split["train"], "test": split["test"]},
        "primary": {key: rounded(quality["primary"][key]) for key in ("name", "value", "low", "high")},
        "floor": {key: rounded(quality["floor"][key]) for key in ("name", "value")},
        "training_seconds": round(sum(each for each in seconds if each is not None), 1),
        "machine": machine(),
        "commit": commit,
    }


def rounded(value: Any) -> Any:
    """Return a number with four digits behind the point; anything else as it is."""
    return round(value, 4) if isinstance(value, float) else value


def machine() -> str:
    """Name the machine with what of it decides a training's seconds and whether bf16 is computed."""
    found = common.machine()
    parts = [f"{found['cpu']}, {found['cores']} cores", *found["cpu_flags"], *found["gpu"]]
    return ", ".join(parts) if any("amx" in flag for flag in found["cpu_flags"]) else ", ".join([*parts, "no AMX"])


def keep(path: Path, records: Iterable[Record]) -> None:
    """Put records into the list in `path`, each in place of the one of its recipe."""
    there = common.read_json(path) if path.is_file() else []
    found = {each["recipe"]: each for each in [*there, *records]}
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps([found[name] for name in sorted(found)], indent=2, ensure_ascii=False) + "\n"
    path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
