"""A flow in a process of its own, and what it leaves behind."""

import os
import subprocess
import sys
from pathlib import Path

import psutil

from tiny_clone import environment
from waiting import until


class Flow:
    """`python -m pipelines.chain`, as a user starts it in a project."""

    def __init__(self, root: Path, words: tuple[str, ...], variables: dict[str, str]) -> None:
        self.root = root
        self.log = root / "control" / "flow.log"
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "pipelines.chain", *words],
                cwd=root,
                env=environment(**variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def output(self) -> str:
        return self.log.read_text()

    def waits_for(self, text: str) -> None:
        """Wait until the flow has printed a text."""
        until(lambda: text in self.output() or self.popen.poll() is not None)
        assert text in self.output(), self.output()[-3000:]

    def code(self) -> int:
        return self.popen.wait(timeout=300)


def below(root: Path) -> list[psutil.Process]:
    """Return every process whose working directory is the project, and what those have started."""
    found = set()
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.cwd() == str(root) and process.status() != psutil.STATUS_ZOMBIE:
                found |= {process, *process.children(recursive=True)}
        except psutil.Error:
            continue
    return [process for process in found if process.is_running()]
