"""The whole chain from nothing, then with nothing to do, then once more from nothing for the same bytes.

Measured: wall-clock seconds of `dvc repro` in an empty clone of the commit that is checked out (changes that
are not committed do not count), with MLflow's SQLite store as a user has it, for every recipe of params.yaml;
the seconds of each stage, from DVC's announcement of it to that of the next; and `dvc repro` again in the same
clone, three times, where nothing is stale. The packages are this interpreter's: installing them is not part of
the time, compiling the clone's own modules is. With --twice the chain is run in a second clone, and dvc.lock
and every reports/*/metrics.json are compared byte by byte. Before the run the clone loses the reports and the
dvc.lock that git brought, so that nothing of an earlier run can pass for this one's.

Targets: at most 240 s from nothing, at most 2 s with nothing to do, identical bytes.
"""

from pathlib import Path

import common

FROM_SCRATCH_SECONDS = 240
NOTHING_STALE_SECONDS = 2


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--twice", action="store_true", help="run in a second clone as well and compare the bytes")
    parser.add_argument("--noops", type=int, default=3, help="runs of the chain with nothing stale")
    parser.add_argument("--targets", nargs="*", default=[], help="stages instead of the whole chain, like clean@digits")
    parser.add_argument("--keep", action="store_true", help="keep the clones")
    options = parser.parse_args()
    at_start = common.machine()
    with common.temporary_folder(options.keep) as folder:
        first = emptied(common.clone(folder / "first"))
        runs = [common.repro(first, *options.targets)]
        noops = [common.repro(first, *options.targets, echo=False) for _ in range(options.noops)]
        busy = sorted({stage for noop in noops for stage in noop.stages})
        if busy:
            common.stop(f"stale after a complete run: {', '.join(busy)}")
        differing: list[str] | None = None
        if options.twice:
            second = emptied(common.clone(folder / "second"))
            runs.append(common.repro(second, *options.targets))
            differing = different(first, second)
    figures = {
        "from_scratch_seconds": common.spread([run.seconds for run in runs], 1),
        "stage_seconds": {stage: common.spread([run.stages[stage] for run in runs], 2) for stage in runs[0].stages},
        "nothing_stale_seconds": common.spread([noop.seconds for noop in noops], 3),
    }
    for stage, seconds in figures["stage_seconds"].items():
        print(f"{stage:22} {seconds['median']:7.1f} s")
    targets = {
        "from_scratch": common.target(
            "from scratch (the slower run)", max(run.seconds for run in runs), "<=", FROM_SCRATCH_SECONDS, " s"
        ),
        "nothing_stale": common.target(
            f"nothing stale (median of {len(noops)})",
            figures["nothing_stale_seconds"]["median"],
            "<=",
            NOTHING_STALE_SECONDS,
            " s",
        ),
    }
    if differing is not None:
        print(f"differing files of two runs: {', '.join(differing) or 'none'}")
        targets["identical"] = {"value": differing, "target": "no differing file", "met": not differing}
    common.write_result(
        options.results,
        "chain",
        at_start,
        {"twice": options.twice, "noops": options.noops, "targets": options.targets},
        {"targets": targets, **figures},
    )


def emptied(clone: Path) -> Path:
    """Remove what an earlier run left in git: dvc.lock, the reports and the measurements."""
    for path in [clone / "dvc.lock", *clone.glob("reports/*/*.json"), *clone.glob("measured/*/*")]:
        path.unlink(missing_ok=True)
    return clone


def different(first: Path, second: Path) -> list[str]:
    """Return the files of two clones that must be the same and are not, or that only one of them has."""
    patterns = ("dvc.lock", "reports/*/metrics.json")
    names = sorted(
        {
            path.relative_to(clone).as_posix()
            for clone in (first, second)
            for pattern in patterns
            for path in clone.glob(pattern)
        }
    )
    return [name for name in names if content(first / name) != content(second / name)]


def content(path: Path) -> bytes | None:
    """Return the bytes of a file, None if there is none."""
    return path.read_bytes() if path.is_file() else None


if __name__ == "__main__":
    main()
