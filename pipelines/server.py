"""A Prefect server for as long as a flow needs one, where none is set up; it ends with the flow however that ends.

Prefect starts a temporary server by itself, but one that outlives a killed flow.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from chainrule.retraining import next_runs
from chainrule.system import processes, progress, quick
from chainrule.system.errors import ChainruleError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from prefect.client.orchestration import SyncPrefectClient

START_SECONDS = 90.0
ANSWER_SECONDS = 10.0
QUIET = {
    "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5",
}
"""Settings of every flow here, where the user's environment says nothing else."""


class GoneError(ChainruleError):
    """Prefect's server does not answer, or not any more."""


def gone(error: Exception) -> GoneError:
    """Return what is to be said when the server stops to answer while a flow runs."""
    from prefect.settings import PREFECT_API_URL

    remedy = "start it and then the flow again, what is done is kept"
    return GoneError(f"Prefect's server at {PREFECT_API_URL.value()} does not answer any more ({error}); {remedy}")


def set_defaults() -> None:
    """Put QUIET into the environment, and print whatever the terminal's encoding is; to be called before all else."""
    progress.write_anything()
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def at_hand(for_schedules: bool = False) -> None:
    """See that there is a Prefect server: the one of PREFECT_API_URL or of the Prefect profile, else a temporary one.

    The temporary one ends with this process, not earlier: Prefect sends its last log lines when Python exits. With
    `for_schedules` it makes the runs of schedules, too. Raises ChainruleError if it does not start.
    """
    from prefect.context import refresh_global_settings_context
    from prefect.settings import PREFECT_API_URL

    if known := PREFECT_API_URL.value():
        check(known)
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "pipelines.server",
                str(listener.fileno()),
                *(["schedules"] if for_schedules else []),
            ],
            env=os.environ | {"PREFECT_UI_ENABLED": "0", processes.STARTER: processes.identity()},
            stdin=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C is the flow's to act on
        )
    try:
        _wait_until_ready(process, address)
    except BaseException:
        process.kill()
        process.wait()
        raise
    threading.Thread(target=_end_with, args=(process,), name="prefect-server", daemon=True).start()
    os.environ["PREFECT_API_URL"] = address
    refresh_global_settings_context()


def _end_with(process: subprocess.Popen[bytes]) -> None:
    """End this process as soon as the temporary server has: Prefect would ask for minutes, of what cannot come back."""
    process.wait()
    said = "Prefect's temporary server ended early; what is done is kept, start the flow again"
    print(said, file=sys.stderr, flush=True)
    os._exit(GoneError.exit_code)  # every process of the flow ends with it


def client(**settings: Any) -> "SyncPrefectClient":
    """Return a client of Prefect's server, to be entered; settings: of httpx."""
    from prefect.client.orchestration import get_client

    return get_client(httpx_settings=settings or None, sync_client=True)


def check(address: str) -> None:
    """Raise GoneError, which says what is wrong, unless Prefect answers at an address that is in its settings."""
    import httpx
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), client(timeout=ANSWER_SECONDS) as asked:
            asked.read_flow_runs(limit=1)
    except httpx.HTTPStatusError as error:
        answer = error.response
        said = next_runs.refusal_of_answer(address, answer.status_code, answer.reason_phrase)
        raise GoneError(said) from None
    except httpx.TransportError as error:
        cause = str(error) or type(error).__name__
        raise GoneError(next_runs.refusal(address, f"nothing answers there ({cause})")) from None
    except (ValueError, TypeError):
        raise GoneError(next_runs.refusal(address, next_runs.OTHER)) from None


def _wait_until_ready(process: subprocess.Popen[bytes], address: str) -> None:
    import httpx

    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=5) as client:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                if client.get(f"{address}/health").status_code == 200:
                    return
            except httpx.TransportError:
                pass  # it listens before it answers
            time.sleep(0.05)
    remedy = "set PREFECT_API_URL to a server that runs, or look at what it printed"
    raise ChainruleError(f"Prefect's temporary server did not start; {remedy}")


def _app() -> "FastAPI":
    from prefect.server.api.server import create_app

    app: FastAPI = create_app()
    quick.started()
    return app


def main() -> None:
    """`python -m pipelines.server DESCRIPTOR [schedules]`: Prefect's API on a socket that already listens."""
    quick.start()
    processes.end_with_parent()
    processes.die_with_starters()
    import uvicorn

    os.environ["PREFECT__SERVER_FINAL"] = "1"
    if sys.argv[2:] != ["schedules"]:
        os.environ["PREFECT__SERVER_EPHEMERAL"] = "1"  # as Prefect starts its own: without services
    uvicorn.run(_app, factory=True, fd=int(sys.argv[1]), log_level="error", lifespan="on")


if __name__ == "__main__":
    main()
