"""The Prefect work pools that prefect.yaml names, made where they are missing: `python -m deploy.pools`."""

import base64
import json
import os
import sys
import urllib.error
from pathlib import Path
from typing import Any

from chainrule.retraining import next_runs
from chainrule.system.errors import ChainruleError
from deploy.piece import fetch
from pipelines import cron

PROCESS_POOL = "chainrule"
POOLS = {PROCESS_POOL: "process", "chainrule-docker": "docker", "chainrule-kubernetes": "kubernetes"}
KUBERNETES = Path(__file__).with_name("kubernetes") / "job-template.json"


def make_pools(api: str, auth: str | None) -> list[str]:
    """Make the pools that the Prefect server at `api` lacks; return their names. Those that are there stay as they are.

    `auth` is `user:password` of the server, if it asks for one. Raises ChainruleError if the server does not take one.
    """
    made = []
    for name, kind in POOLS.items():
        if _ask(api, auth, f"work_pools/{name}") is None:
            pool = {"name": name, "type": kind, "base_job_template": _template(api, auth, kind)}
            _ask(api, auth, "work_pools/", pool)
            made.append(name)
    return made


def basic(auth: str) -> str:
    """Return the header that brings `user:password`."""
    return f"Basic {base64.b64encode(auth.encode()).decode()}"


def _template(api: str, auth: str | None, kind: str) -> Any:
    if kind == "kubernetes":
        return json.loads(KUBERNETES.read_text())
    known = _ask(api, auth, "collections/views/aggregate-worker-metadata")
    return next(types[kind]["default_base_job_configuration"] for types in known.values() if kind in types)


def _ask(api: str, auth: str | None, path: str, content: Any = None) -> Any:
    """Return what the server answers; None for what it does not have."""
    headers = {"Content_Type": "application/json"} | ({"Authorization": basic(auth)} if auth else {})
    body = None if content is None else json.dumps(content).encode()
    try:
        return json.loads(fetch(f"{api}/{path}", body, **headers))
    except urllib.error.HTTPError as error:
        if error.code == 404 and content is None:
            return None
        raise ChainruleError(f"{api}/{path}: {error.code} {error.read(300).decode(errors='replace')}") from None
    except OSError as error:
        found = f"nothing answers there ({getattr(error, 'reason', error)})"
    except ValueError:
        found = next_runs.OTHER
    raise ChainruleError(next_runs.refusal(api, found))


if __name__ == "__main__":
    try:
        cron.check_file(Path("prefect.yaml"))
        for made in make_pools(os.environ["PREFECT_API_URL"], os.environ.get("PREFECT_API_AUTH_STRING")):
            print(f"made the work pool {made}")
    except ChainruleError as error:
        sys.exit(f"deploy.pools: {error}")
    except KeyError:
        sys.exit("deploy.pools: PREFECT_API_URL names the Prefect server, as in http://127.0.0.1:4200/api")
