"""The chain of one recipe built again in a checkout, by DVC, into a cache of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml
from ruamel.yaml import YAML

from chainrule.recipes.file import PARAMS, given_block
from chainrule.reproduction.origin import Origin, with_params
from chainrule.runs import tracking
from chainrule.system import processes
from chainrule.system.errors import ChainruleError

STOP_SECONDS = 5.0


def write_params(project: Path, origin: Origin) -> None:
    """Replace params.yaml by the recipe with every value that the run logged; ChainruleError if they do not suffice."""
    block = with_params(given_block(project, origin.recipe), origin.params)
    with open(project / PARAMS, "w", encoding="utf-8") as file:
        YAML(typ="safe").dump({"recipes": {origin.recipe: block}}, file)


def cores(origin: Origin) -> int | None:
    """How many cores the training had; None if the run does not say."""
    # Under its bare name in runs of before.
    found = origin.metrics.get("system/finetune.cores", origin.metrics.get("finetune.cores"))
    return None if found is None else int(found)


def build(project: Path, origin: Origin, cache: Path) -> None:
    """Run every stage up to the export, output streamed; ChainruleError if one fails.

    The code is the checkout's, the interpreter and its packages are ours. Nothing is tracked or registered.
    """
    local: dict[str, dict[str, object]] = {
        "cache": {"dir": cache / "files"},
        "core": {"site_cache_dir": cache / "site", "analytics": False},
    }
    lines = [
        f"[{name}]\n" + "".join(f"    {key} = {value}\n" for key, value in part.items()) for name, part in local.items()
    ]
    (project / ".dvc" / "config.local").write_text("".join(lines))
    # What `inputs` wrote there was for fetching; without a lock DVC takes every stage for new.
    (project / "dvc.lock").unlink(missing_ok=True)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        # Before any installed copy of the package, which is another commit's.
        "PYTHONPATH": str(project / "src"),
        "CHAINRULE_TRACKING": "off",
    }
    if had := cores(origin):
        environment.setdefault(processes.CORES, str(had))
    command = [sys.executable, "-m", "dvc", "repro", f"export@{origin.recipe}"]
    process = subprocess.Popen(
        command,
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=processes.end_with_parent,
    )
    try:
        code = process.wait()
    finally:
        _end_group(process)
    if code != 0:
        raise ChainruleError(f"{origin.name}: cannot be built again, a stage failed (its message is above)")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of DVC and its stages, and wait for it: nobody must write into a checkout being removed."""
    end = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        while time.monotonic() < end:
            os.killpg(process.pid, 0)
            time.sleep(0.02)


def departures(project: Path, origin: Origin) -> list[tuple[str, str]]:
    """(Stage, path) of each output whose hash is not the one that the run carries, in the order of the chain.

    The export's are not in it: no run carries them, the bundles themselves are compared.
    """
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    found = []
    for stage in tracking.CHAIN[:-1]:
        for out in lock["stages"].get(f"{stage}@{origin.recipe}", {}).get("outs", []):
            logged = origin.logged(out["path"])
            if logged is not None and logged != out.get("md5"):
                found.append((stage, out["path"]))
    return found
