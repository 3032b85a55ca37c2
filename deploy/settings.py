"""Where the team's pieces live, their ports and their secrets."""

import os
import secrets
from pathlib import Path
from typing import NamedTuple

from chainrule import QUIET
from chainrule.system.errors import ChainruleError

PORTS = {
    "TEAM_POSTGRES_PORT": 15432,
    "TEAM_S3_PORT": 9000,
    "TEAM_MLFLOW_PORT": 5000,
    "TEAM_PREFECT_PORT": 4200,
    "TEAM_SERVE_PORT": 8080,
}
SECRETS = ("TEAM_POSTGRES_PASSWORD", "TEAM_S3_ACCESS_KEY", "TEAM_S3_SECRET_KEY", "TEAM_PREFECT_AUTH", "CHAINRULE_TOKEN")
MARK = "CHAINRULE_TEAM"
"""In the environment of every process of a team: `<folder>|<run of the supervisor>|<piece>`."""
OTHERS = (
    "PREFECT_",
    "MLFLOW_",
    "AWS_",
    "RCLONE_",
    "PG",
    "TEAM_",
    "CHAINRULE_TOKEN",
    "CHAINRULE_CHAIN",
    "CHAINRULE_STARTER",
)


class Settings(NamedTuple):
    """One team on this machine."""

    project: Path
    folder: Path
    ports: dict[str, int]
    secrets: dict[str, str]
    observe: str = "0"
    """The share of requests that the model server writes down for pipelines.monitor."""

    @property
    def s3(self) -> str:
        """Address of the S3 server."""
        return f"http://127.0.0.1:{self.ports['TEAM_S3_PORT']}"

    @property
    def mlflow(self) -> str:
        """Address of the MLflow server."""
        return f"http://127.0.0.1:{self.ports['TEAM_MLFLOW_PORT']}"

    @property
    def prefect(self) -> str:
        """Address of the Prefect server's API."""
        return f"http://127.0.0.1:{self.ports['TEAM_PREFECT_PORT']}/api"

    @property
    def serve(self) -> str:
        """Address of the model server."""
        return f"http://127.0.0.1:{self.ports['TEAM_SERVE_PORT']}"

    def database(self, name: str, driver: str = "postgresql") -> str:
        """Address of a database, its password included."""
        password, port = self.secrets["TEAM_POSTGRES_PASSWORD"], self.ports["TEAM_POSTGRES_PORT"]
        return f"{driver}://chainrule:{password}@127.0.0.1:{port}/{name}"


def read(project: Path, folder: Path) -> Settings:
    """Return the settings of the team in `folder`: what the environment says, else what its file of secrets holds.

    Secrets that neither has are made up and kept in `<folder>/secrets.env`, readable by this user alone.
    Raises ChainruleError for a port that is none, a secret that fits no URL or is not there any more, or a file of
    secrets that others can read.
    """
    ports = {name: _port(name, default) for name, default in PORTS.items()}
    if len(set(ports.values())) < len(ports):
        raise ChainruleError("two pieces have the same port: " + ", ".join(f"{n}={p}" for n, p in ports.items()))
    folder = folder.resolve()
    kept = _kept(folder / "secrets.env")
    lost = [name for name in SECRETS if not os.environ.get(name) and name not in kept]
    if lost and (folder / "postgres").exists():
        raise ChainruleError(f"{', '.join(lost)}: set when the team in {folder} was made; set the same again")
    chosen = {name: os.environ.get(name) or kept.get(name) or _made_up(name) for name in SECRETS}
    for name, secret in chosen.items():
        if not secret.replace(":", "").replace("-", "").replace("_", "").isalnum() or not secret.isascii():
            raise ChainruleError(f"{name}: letters, digits, '-', '_' and ':' only, for it goes into addresses")
    if lost:
        _keep(folder / "secrets.env", kept | {name: chosen[name] for name in lost})
    return Settings(project.resolve(), folder, ports, chosen, os.environ.get("TEAM_OBSERVE", "0"))


def _port(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ChainruleError(f"{name}={text!r}: a port from 1 to 65535 is needed")
    return int(text)


def _made_up(name: str) -> str:
    return f"admin:{secrets.token_hex(16)}" if name == "TEAM_PREFECT_AUTH" else secrets.token_hex(16)


def _kept(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    if path.stat().st_mode & 0o077:
        raise ChainruleError(f"{path} can be read by others: chmod 600 it, and take new secrets if they are strangers")
    lines = (line.partition("=") for line in path.read_text().splitlines() if line)
    return {name: secret for name, _, secret in lines}


def _keep(path: Path, kept: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("".join(f"{name}={secret}\n" for name, secret in kept.items()))
    fresh.replace(path)


def client(team: Settings) -> dict[str, str]:
    """Return the variables with which DVC, MLflow, Prefect and the flows find the team's servers."""
    return {
        "MLFLOW_TRACKING_URI": team.mlflow,
        "PREFECT_API_URL": team.prefect,
        "PREFECT_API_AUTH_STRING": team.secrets["TEAM_PREFECT_AUTH"],
        "PREFECT_HOME": str(team.folder / "prefect"),
        # A server that restarts is waited for, about a minute and a half.
        "PREFECT_CLIENT_MAX_RETRIES": "8",
        "CHAINRULE_TOKEN": team.secrets["CHAINRULE_TOKEN"],
        "CHAINRULE_PROJECT": str(team.project),
        "DO_NOT_TRACK": "true",
        **store(team),
    }


def store(team: Settings) -> dict[str, str]:
    """Return the variables with which boto3 and s3fs find the S3 server."""
    return {
        "AWS_ENDPOINT_URL_S3": team.s3,
        "AWS_ACCESS_KEY_ID": team.secrets["TEAM_S3_ACCESS_KEY"],
        "AWS_SECRET_ACCESS_KEY": team.secrets["TEAM_S3_SECRET_KEY"],
        "AWS_DEFAULT_REGION": "us-east-1",
        # The checksums that botocore adds by default are Amazon's own; others answer a range with the whole file's.
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }


def inherited() -> dict[str, str]:
    """Return this process' environment without what would lead a piece to another server or database."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(OTHERS)}
    return {**kept, **QUIET, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
