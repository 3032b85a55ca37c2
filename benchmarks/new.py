"""How long `chainrule new` looks at many files: class folders of small JPEGs, made here."""

import json
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import common
import numpy as np
from PIL import Image

FILES, CLASSES, SIDE, LOOKS = 50_000, 10, 32, 3


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--files", type=int, default=FILES)
    options = parser.parse_args()
    with common.temporary_folder(False) as folder:
        make(folder / "images", options.files)
        seconds = sorted(look(folder) for _ in range(LOOKS))
    found = {"files": options.files, "seconds": [round(each, 2) for each in seconds], "commit": common.commit()}
    (options.results / "new.json").write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found))


def make(folder: Path, count: int) -> None:
    """Write so many different images into class folders."""
    random = np.random.default_rng(7)
    for label in range(CLASSES):
        (folder / f"class_{label}").mkdir(parents=True)
    for at in range(count):
        stream = BytesIO()
        Image.fromarray(random.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)).save(stream, "JPEG", quality=60)
        (folder / f"class_{at % CLASSES}" / f"{at:05d}.jpg").write_bytes(stream.getvalue())


def look(folder: Path) -> float:
    """Return the seconds of the whole command."""
    command = [sys.executable, "-m", "chainrule.cli", "new", "images", "--data", str(folder / "images"), "--dry-run"]
    begun = time.perf_counter()
    subprocess.run([*command, "--root", str(common.ROOT)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
