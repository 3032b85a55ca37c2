"""What this machine is: said with every run, because it decides the last bits of a result."""

import platform
from pathlib import Path


def processor() -> str:
    """Return the name of the processor, such as `AMD EPYC 9354`, or its architecture where the system names none."""
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.is_file() else ():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
