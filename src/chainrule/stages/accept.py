"""Accept: the batches that were taken in from data/incoming, checked against their manifests; what DVC cannot hash.

It is the first stage: `ingest` depends on the source, so DVC hashes that before `ingest` could say a word.
"""

from chainrule.data import batches
from chainrule.stages.job import Job, main
from chainrule.system.files import write_json
from chainrule.system.hashable import refuse_unhashable


def accept(job: Job) -> None:
    """Make the recipe's folder of batches if there is none; every file in it must be what was taken in."""
    refuse_unhashable(job.root / job.block["source"]["path"])
    folder = batches.prepare(job.root, job.recipe, job.read_lock)
    found = [batches.check(folder / name) for name in batches.names(folder)]
    report = {
        "batches": len(found),
        "files": sum(len(manifest["files"]) for manifest in found),
        "rows": sum(manifest["rows"] for manifest in found),
    }
    write_json(job.out("reports/{recipe}/accept.json"), report)
    job.run.metrics(report)
    job.say(f"{report['batches']:,} batches of {report['rows']:,} rows" if found else "no batches were taken in yet")


if __name__ == "__main__":
    main("accept", accept)
