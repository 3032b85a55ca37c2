"""dvc.yaml: code deps equal the import closure of the stages, for every plug-in a recipe may name."""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import load_py

from chainrule.data.sources.catalogue import INCOMING, SOURCES
from chainrule.fields.catalogue import MODALITIES
from chainrule.nets.catalogue import NETS
from chainrule.recipes.file import PLUG_IN_DEFAULTS, WITH_DEFAULTS
from chainrule.stages import declared
from chainrule.tasks.catalogue import TASKS
from chainrule.training.bases.catalogue import BASES
from chainrule.training.objectives.catalogue import OBJECTIVES
from chainrule.training.strategies.catalogue import STRATEGIES
from chainrule.training.targets.catalogue import LOSSES
from code_closure import NO_INPUT, WATCHERS, closure, docstring_only, imports, module_path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
NO_FORMAT = ("__init__", "dialect", "options")
FORMATS = sorted((SOURCE / "chainrule" / "data" / "formats").glob("*.py"))
# What the plug-ins of a package share beside the errors; the stage that loads them depends on it as well.
SHARED = {
    "data/sources": {
        # All but what is for people who write recipes.
        *(f"chainrule.data.formats.{path.stem}" for path in FORMATS if not path.stem.endswith(NO_FORMAT)),
        "chainrule",  # its environment, by which `hub` knows whether a user said that it may not be asked
        *(f"chainrule.fields.{name}" for name in ("mask", "names", "reject")),
        "chainrule.tasks.field",
    },
    "nets": {
        # By which a net is made of two others that a recipe names inside its own.
        "chainrule.system.plugins",
        *(
            f"chainrule.nets.shared.{name}"
            for name in ("cached", "columns", "encoder", "images", "layered", "rewriter", "sides", "staged")
        ),
    },
    "training/objectives": {
        "chainrule.evaluation.shown",
        "chainrule.nets.shared.needs",
        *(
            f"chainrule.training.objectives.shared.{name}"
            for name in ("masking", "pairs", "pictures", "pieces", "restored", "samples")
        ),
    },
    "training/strategies": {
        *(f"chainrule.system.{name}" for name in ("files", "plugins")),
        "chainrule.training.counted",
        *(
            f"chainrule.training.{name}"
            for name in ("attacks", "models", "prediction", "rows", "seen", "start", "strategy")
        ),
        "chainrule.training.weights",
    },
    "evaluation/floors": {
        *(f"chainrule.evaluation.{name}" for name in ("bootstrap", "primary", "selection", "thresholds", "tokens")),
        *(f"chainrule.evaluation.floors.{name}" for name in ("image", "label", "linear", "text")),
        "chainrule.evaluation.scores.answer",
        "chainrule.evaluation.scores.labels",
        "chainrule.evaluation.scores.neighbours",
        "chainrule.fields.encoding",
        "chainrule.fields.spectra",
        *(
            f"chainrule.fields.{name}"
            for name in ("answer", "image_text", "mask", "scripts", "suppression", "tags", "text", "windows")
        ),
        "chainrule.fields.wording",
    },
}


def recipes() -> Iterator[dict[str, Any]]:
    """Yield a block for every combination of plug-ins that fit together."""
    for task in TASKS:
        known = importlib.import_module(f"chainrule.tasks.{task}.fields")
        for modality in known.MODALITIES:
            fitting = [
                [name for name, found in SOURCES.items() if modality in found.modalities],
                [name for name, found in NETS.items() if modality in found.modalities],
                [name for name, found in OBJECTIVES.items() if found.modality in (None, modality)],
                list(STRATEGIES),
                [name for name, found in BASES.items() if found.modality in (None, modality)],
                [name for name, found in INCOMING.items() if modality in found.modalities],
            ]
            # Each plug-in once is enough: what one imports does not depend on the others.
            for turn in range(max(map(len, fitting))):
                source, net, objective, strategy, base, incoming = (names[turn % len(names)] for names in fitting)
                yield {
                    "task": task,
                    "modality": modality,
                    "target": known.TARGET,
                    "source": {"kind": source},
                    "incoming": {"kind": incoming},
                    "base": {"from": base},
                    "net": {"name": net},
                    "pretrain": {"objective": {"name": objective}},
                    "finetune": {"strategy": {"name": strategy}},
                }


def code_deps(stage: str, recipe: dict[str, Any]) -> set[str]:
    deps, _ = declared.resolved(STAGES[stage]["do"], "recipe", recipe | {"source": {"path": "", **recipe["source"]}})
    return {dep for dep in deps if dep.startswith("src/")}


@pytest.mark.parametrize("stage", list(STAGES))
def test_code_deps_equal_the_import_closure(stage: str) -> None:
    """Every module that a stage can import is declared; a declared one that a task does not use, another task does."""
    needless: set[str] | None = None
    for recipe in recipes():
        expected, found = closure(SOURCE, stage, recipe), code_deps(stage, recipe)
        assert expected <= found, f"{stage}: add {sorted(expected - found)} ({recipe})"
        needless = found - expected if needless is None else needless & (found - expected)
    assert not needless, f"{stage}: remove {sorted(needless)}"


RUNNER = "chainrule.stages.runner"


def test_watching_is_no_input_of_any_stage() -> None:
    """Neither imported nor loaded by name: a stage's job loads the runner, and that is all."""
    work = {name for stage in STAGES for recipe in recipes() for name in closure(SOURCE, stage, recipe)}
    assert not work & WATCHERS
    assert not {dep for stage in STAGES.values() for dep in stage["do"]["deps"]} & WATCHERS
    by_name = {name: loads for name in sorted(work) if (loads := loaded_by_name(ROOT / name))}
    plug_in = "f'chainrule.{package}.{name}'"  # a recipe's, and so in the closure
    assert by_name == {
        "src/chainrule/recipes/file.py": ["module"],  # a defaults' one, whose values are parameters
        "src/chainrule/stages/job.py": [repr(RUNNER)],
        "src/chainrule/system/plugins.py": [plug_in],
    }


def test_the_runner_stands_on_all_the_watchers_that_there_are() -> None:
    assert reached(RUNNER) >= WATCHERS


def loaded_by_name(path: Path) -> list[str]:
    """Return what a file loads otherwise than by an import statement or `plugins.load`, as it is written there."""
    loaders = ("import_module", "__import__", "run_module", "run_path")
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [ast.unparse(node.args[0]) for node in calls if ast.unparse(node.func).rpartition(".")[2] in loaders]


def reached(module: str) -> set[str]:
    """Return the paths of all that a module imports, and that they import."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        path = module_path(SOURCE, waiting.pop())
        if (name := path.relative_to(ROOT).as_posix()) not in found:
            found.add(name)
            waiting += [imported for imported in imports(SOURCE, path) if isinstance(imported, str)]
    return found


def test_every_file_of_a_plug_in_package_stands_in_its_table() -> None:
    tables: dict[str, Mapping[str, Any]] = {
        "data/sources": SOURCES,
        "nets": NETS,
        "training/bases": BASES,
        "training/objectives": OBJECTIVES,
        "training/strategies": STRATEGIES,
    }
    # Fine-tuning's own objective: a task names it, not a recipe.
    named_by_tasks = {"supervised"}
    for package, table in tables.items():
        files = {path.stem for path in (SOURCE / "chainrule" / package).glob("*.py")} - {"__init__", "catalogue"}
        assert files - named_by_tasks == set(table), package


def test_no_package_init_has_code_but_for_the_environment() -> None:
    inits = (SOURCE / "chainrule").rglob("__init__.py")
    assert {path for path in inits if not docstring_only(path)} == {ROOT / NO_INPUT}
    tree = ast.parse((ROOT / NO_INPUT).read_text())
    assert [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)] == [
        "import os"
    ]
    calls = {ast.unparse(node.func).rpartition(".")[2] for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert calls <= {"setdefault", "items", "isdir", "abspath"}


def test_only_evaluate_depends_on_test_rows() -> None:
    readers = [name for name, stage in STAGES.items() if any("test.parquet" in dep for dep in stage["do"]["deps"])]
    whole = [name for name, stage in STAGES.items() if "data/split/${key}" in stage["do"]["deps"]]
    assert (readers, whole) == (["evaluate"], [])


@pytest.mark.parametrize("stage", list(STAGES))
def test_a_stage_reads_and_writes_what_dvc_yaml_declares(stage: str) -> None:
    """Paths and sections in the stage's module against deps, outs and params; whole folders cover what is in them."""
    tree = ast.parse((SOURCE / "chainrule" / "stages" / f"{stage}.py").read_text())
    entry = STAGES[stage]["do"]
    outs = {
        path.replace("${key}", "{recipe}")
        for out in [*entry["outs"], *entry.get("metrics", []), *entry.get("plots", [])]
        for path, settings in ({out: {}} if isinstance(out, str) else out).items()
        if "persist" not in settings  # kept from run to run: no `job.out` makes it
    }
    written = {call_text(node) for node in ast.walk(tree) if is_call(node, "job.out")}
    assert written | ({f"reports/{{recipe}}/{stage}.html"} if stage in ("clean", "split") else set()) == outs
    deps = {dep.replace("${key}", "{recipe}") for dep in entry["deps"]}
    read = {call_text(node) for node in ast.walk(tree) if is_call(node, "job.dep")}
    # What a run says that it read is hashed, whatever lies in it.
    recorded = [node.args[-1] for node in ast.walk(tree) if is_call(node, "job.run.dataset")]  # type: ignore[attr-defined]
    read |= {ast.unparse(source)[2:-1].replace("job.recipe", "recipe") for source in recorded}
    for path in read:
        assert any(path == dep or path.startswith(f"{dep}/") for dep in deps), (path, deps)
    sections = {param.removeprefix("recipes.${key}.").split(".")[0] for param in given_params(stage)}
    used = {node.args[0].value for node in ast.walk(tree) if is_call(node, "job.section")}  # type: ignore[attr-defined]
    used |= {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and ast.unparse(node.value) == "job.block"
    }
    assert used <= sections


def given_params(stage: str) -> list[str]:
    """Return the parameters of a stage that are in params.yaml."""
    return [param for param in STAGES[stage]["do"].get("params", []) if isinstance(param, str)]


def default_params(stage: str) -> set[tuple[str, str]]:
    """Return (file, name) of the parameters of a stage that are defaults."""
    entries = [param for param in STAGES[stage]["do"].get("params", []) if isinstance(param, dict)]
    return {(file, name) for entry in entries for file, names in entry.items() for name in names}


@pytest.mark.parametrize("stage", list(STAGES))
def test_a_stage_that_reads_a_section_depends_on_its_defaults_and_no_others(stage: str) -> None:
    sections = {param.removeprefix("recipes.${key}.") for param in given_params(stage)}
    modality, task = (
        "src/chainrule/recipes/defaults/${item.modality}.py",
        "src/chainrule/tasks/${item.task}/defaults.py",
    )
    by_modality = set.intersection(*(set(literal(modality.replace("${item.modality}", name))) for name in MODALITIES))
    wanted = {(task, f"DEFAULTS.{name}") for name in sections & set(WITH_DEFAULTS)}
    wanted |= {(modality, f"DEFAULTS.{name}") for name in sections & by_modality}
    wanted |= {(modality, f"WITH_BASE.{name}") for name in sections & with_base(modality)}
    assert not sections & with_base(modality) or sections & {"base", "base.from"}, "whether there is one decides"
    for place, (key, module, name) in PLUG_IN_DEFAULTS.items():
        if place[0] in sections:  # of `base.from` alone no options are read
            file = module_path(SOURCE, module).relative_to(ROOT).as_posix()
            # Of `finetuned/films` DVC could not ask for the half, nor for what no recipe need name.
            whole = place in (("base",), ("finetune", "loss"))
            wanted.add((file, name if whole else f"{name}.${{item.{'.'.join((*place, key))}}}"))
    assert default_params(stage) == wanted


def with_base(modality: str) -> set[str]:
    """Return the sections of which some modality says more where there is a base."""
    files = [modality.replace("${item.modality}", name) for name in MODALITIES]
    said = [set(literal(file, "WITH_BASE")) for file in files]
    assert all(names == said[0] for names in said), "DVC asks each for all"
    return said[0]


def literal(file: str, name: str = "DEFAULTS") -> dict[str, Any]:
    """Return what DVC reads of a Python file's defaults."""
    found: dict[str, Any] = load_py(str(ROOT / file))[name]
    return found


def test_defaults_are_literals_that_dvc_reads_for_whatever_a_recipe_names() -> None:
    files = {name: f"src/chainrule/recipes/defaults/{name}.py" for name in MODALITIES}
    assert len({frozenset(literal(file)) for file in files.values()}) == 1
    for name in (*(f"tasks.{task}.defaults" for task in TASKS), *(f"recipes.defaults.{name}" for name in MODALITIES)):
        file = module_path(SOURCE, f"chainrule.{name}").relative_to(ROOT).as_posix()
        assert literal(file) == importlib.import_module(f"chainrule.{name}").DEFAULTS
    assert all(set(literal(f"src/chainrule/tasks/{task}/defaults.py")) == set(WITH_DEFAULTS) for task in TASKS)
    names = {
        "base": BASES,
        "net": NETS,
        "source": SOURCES,
        "incoming": INCOMING,
        "objective": OBJECTIVES,
        "strategy": STRATEGIES,
        "loss": LOSSES,
    }
    for place, (_, module, name) in PLUG_IN_DEFAULTS.items():
        read = literal(module_path(SOURCE, module).relative_to(ROOT).as_posix(), name)
        assert read == getattr(importlib.import_module(module), name)
        assert set(read) == set(names[place[-1]])


def test_a_handful_of_numbers_is_the_only_metric() -> None:
    """DVC shows a column for each number of a metric."""
    declared = {path for stage in STAGES.values() for metric in stage["do"].get("metrics", []) for path in metric}
    assert declared == {"reports/${key}/headline.json"}
    assert "metrics" not in yaml.safe_load((ROOT / "dvc.yaml").read_text())


def is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == name


def call_text(node: ast.AST) -> str:
    assert isinstance(node, ast.Call)
    assert isinstance(node.args[0], ast.Constant)
    return str(node.args[0].value)


HEAVY = {"torch", "transformers", "accelerate", "torchvision", "safetensors"}
ASKED_FOR = {"src/chainrule/data/sources/torchvision.py": {"torchvision"}}
"""What a source is about that a recipe asks for by its name; loaded when its rows are read."""


def outside_imports(path: Path) -> set[str]:
    """Return the top-level names of everything a file imports anywhere, types included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_nothing_below_imports_stages() -> None:
    for path in (SOURCE / "chainrule").rglob("*.py"):
        if path.parent.name != "stages":
            modules = [name for name in imports(SOURCE, path) if isinstance(name, str)]
            assert not [name for name in modules if name.startswith("chainrule.stages")], path


@pytest.mark.parametrize("stage", ["accept", "ingest", "clean", "split", "augment"])
def test_data_stages_never_import_torch(stage: str) -> None:
    for recipe in recipes():
        for name in closure(SOURCE, stage, recipe):
            assert not outside_imports(ROOT / name) & HEAVY - ASKED_FOR.get(name, set()), name


def test_only_the_recipes_package_reads_params_yaml() -> None:
    readers = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if re.search(r"(?<!dep\.)read_params", path.read_text())  # DVC reads what it compares
    }
    assert {Path(reader).parent.name for reader in readers} == {"recipes"}


def test_only_runs_and_the_registry_and_what_shows_it_import_mlflow() -> None:
    package = SOURCE / "chainrule"
    users = {
        path.relative_to(package).as_posix() for path in package.rglob("*.py") if "mlflow" in outside_imports(path)
    }
    runs = {f"runs/{name}.py" for name in ("tracking", "sender", "recorder", "mlflow_store")}
    assert users <= runs | {
        "release/registry.py",
        "release/promotion.py",
        "commands/models.py",
        "training/bases/mlflow.py",
    }


SERVING_NEVER = HEAVY | {"dvc", "prefect", "pandas", "mlflow", "onnx", "pyarrow", "scipy", "sklearn"}


def test_a_server_imports_nothing_that_training_needs() -> None:
    package = SOURCE / "chainrule"
    for path in [*package.glob("serving/**/*.py"), *package.glob("tasks/*/service.py")]:
        assert not outside_imports(path) & SERVING_NEVER, path
    modules = [f"chainrule.serving.{path.stem}" for path in package.glob("serving/*.py") if path.stem != "__init__"]
    modules += [f"chainrule.tasks.{path.parent.name}.service" for path in package.glob("tasks/*/service.py")]
    program = f"import importlib, sys; [importlib.import_module(name) for name in {modules!r}]; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {name.partition(".")[0] for name in loaded} & SERVING_NEVER


def test_plug_ins_import_nothing_of_the_project_but_errors() -> None:
    for package in ("data/sources", "nets", "training/objectives", "training/strategies", "evaluation/floors"):
        for path in (SOURCE / "chainrule" / package).glob("*.py"):
            if path.stem not in ("__init__", "catalogue"):
                # A task is another recipe's, where a strategy learns that along.
                modules = [name for name in imports(SOURCE, path) if isinstance(name, str)]
                found = {name for name in modules if not docstring_only(module_path(SOURCE, name))}
                assert found <= {"chainrule.system.errors"} | SHARED.get(package, set()), path
