"""Be a stage's process for startup.py: `startup_stage.py <stage> <recipe>` notes the moments and ends at the last.

It imports nothing that the stage would not import, so that what is measured is the stage's.
"""

import importlib
import os
import runpy
import sys
import time
from collections.abc import Callable
from typing import Any

# Typed as anything: their functions are replaced.
files: Any = importlib.import_module("chainrule.system.files")
plugins: Any = importlib.import_module("chainrule.system.plugins")

TRAINING_STAGES = ("pretrain", "finetune")


def main(stage: str, recipe: str) -> None:
    """Run the stage as `python -m` would, up to its last moment."""
    last = "first_batch" if stage in TRAINING_STAGES else "first_input"
    seen: set[str] = set()
    read_rows, load = files.read_rows, plugins.load

    def mark(moment: str) -> None:
        if moment in seen:
            return
        seen.add(moment)
        print("moment:", moment, time.time(), flush=True)
        if moment == last:
            os._exit(0)  # nothing may be published, and no run recorded as finished
        if moment == "first_input" and last == "first_batch":
            note_first_batch(mark)

    def noting_read_rows(*arguments: Any, **keywords: Any) -> Any:
        rows = read_rows(*arguments, **keywords)
        mark("first_input")
        return rows

    def noting_load(package: str, name: str) -> Any:
        module: Any = load(package, name)
        if package == "data.sources":
            read = module.read

            def noting_read(*arguments: Any, **keywords: Any) -> Any:
                mark("read_entered")
                rows = read(*arguments, **keywords)
                mark("first_input")
                return rows

            module.read = noting_read
        return module

    files.read_rows = noting_read_rows
    plugins.load = noting_load
    sys.argv = [f"chainrule.stages.{stage}", recipe]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def note_first_batch(mark: Callable[[str], None]) -> None:
    """Have the training loop note when it takes its first batch; it is imported here, as the stage will next."""
    loop: Any = importlib.import_module("chainrule.training.loop")
    fit = loop.fit

    def noting_fit(objective: Any, inputs: Any, *arguments: Any, **keywords: Any) -> Any:
        inputs.take = lambda *_: mark("first_batch")
        return fit(objective, inputs, *arguments, **keywords)

    loop.fit = noting_fit


if __name__ == "__main__":
    main(*sys.argv[1:])
