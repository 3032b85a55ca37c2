"""What runs on top of database and S3 server: MLflow, Prefect, its workers, the model server."""

import json
import sys

from deploy.piece import Piece, answers, fetch
from deploy.pools import PROCESS_POOL, basic, make_pools
from deploy.s3 import BUCKETS
from deploy.settings import Settings, client, inherited, store

WORKERS = 2


def mlflow(team: Settings) -> Piece:
    """Return the MLflow server: rows in PostgreSQL, artifacts through it in the S3 server."""
    # Addresses with a password go into the environment: a command line can be read by every user.
    env = {
        **inherited(),
        **store(team),
        "MLFLOW_BACKEND_STORE_URI": team.database("mlflow"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    place = ["--host", "127.0.0.1", "--port", str(team.ports["TEAM_MLFLOW_PORT"])]
    command = ["mlflow", "server", *place, "--workers", "1", "--artifacts-destination", f"s3://{BUCKETS[0]}"]
    return Piece(
        "mlflow",
        [sys.executable, "-m", *command],
        env,
        lambda: answers(f"{team.mlflow}/health"),
        team.mlflow,
        "TEAM_MLFLOW_PORT",
    )


def prefect(team: Settings) -> Piece:
    """Return the Prefect server, on PostgreSQL, with a password."""
    auth = team.secrets["TEAM_PREFECT_AUTH"]
    env = {
        **inherited(),
        "PREFECT_HOME": str(team.folder / "prefect"),
        "PREFECT_API_URL": team.prefect,
        "PREFECT_SERVER_API_AUTH_STRING": auth,
        "PREFECT_API_AUTH_STRING": auth,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": team.database("prefect", "postgresql+asyncpg"),
        # By default a restart forgets who holds a deployment's slot, and its flow run is crashed minutes later.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }

    def settle() -> None:
        make_pools(team.prefect, auth)

    place = ["--host", "127.0.0.1", "--port", str(team.ports["TEAM_PREFECT_PORT"])]
    return Piece(
        "prefect",
        [sys.executable, "-m", "prefect", "server", "start", *place],
        env,
        lambda: answers(f"{team.prefect}/ready", Authorization=basic(auth)),
        team.prefect.removesuffix("/api"),
        "TEAM_PREFECT_PORT",
        settle=settle,
    )


def workers(team: Settings) -> list[Piece]:
    """Return the workers of the process pool; each runs one flow run at a time, in the project."""
    return [_worker(team, f"worker-{number + 1}") for number in range(WORKERS)]


def _worker(team: Settings, name: str) -> Piece:
    auth = basic(team.secrets["TEAM_PREFECT_AUTH"])

    def wrong() -> str | None:
        address = f"{team.prefect}/work_pools/{PROCESS_POOL}/workers/filter"
        try:
            known = json.loads(fetch(address, b"{}", Content_Type="application/json", Authorization=auth))
        except OSError as error:
            return f"{address}: {error}"
        online = [worker["name"] for worker in known if worker["status"] == "ONLINE"]
        return None if name in online else "it has not reported to the Prefect server"

    command = [
        "prefect",
        "worker",
        "start",
        "--pool",
        PROCESS_POOL,
        "--type",
        "process",
        "--name",
        name,
        "--limit",
        "1",
    ]
    env = {**inherited(), **client(team), "PREFECT_WORKER_QUERY_SECONDS": "3"}
    return Piece(name, [sys.executable, "-m", *command], env, wrong, f"pool {PROCESS_POOL}", cwd=team.project)


def serve(team: Settings) -> Piece:
    """Return the model server, which takes its champions from MLflow."""
    port = str(team.ports["TEAM_SERVE_PORT"])
    options = ["--root", str(team.project), "--port", port, "--registry", team.mlflow, "--observe", team.observe]
    env = {**inherited(), "CHAINRULE_TOKEN": team.secrets["CHAINRULE_TOKEN"]}
    ask = f"{team.serve}/v2/health/live"
    return Piece(
        "serve",
        [sys.executable, "-m", "chainrule.cli", "serve", *options],
        env,
        lambda: answers(ask),
        team.serve,
        "TEAM_SERVE_PORT",
    )
