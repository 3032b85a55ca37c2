"""PostgreSQL from the distribution's packages, in a folder of its own, with a password, on loopback."""

import os
import pwd
import re
import shutil
import signal
import subprocess
from pathlib import Path

from chainrule.system.errors import ChainruleError
from deploy.piece import Piece
from deploy.settings import Settings, inherited

DATABASES = ("mlflow", "prefect")


def postgres(team: Settings) -> Piece:
    """Return the database server. Raises ChainruleError, naming what to install, if it is not there."""
    data = team.folder / "postgres"
    programs = _postgres_programs(data)
    user = "postgres" if os.geteuid() == 0 else None
    port = team.ports["TEAM_POSTGRES_PORT"]

    def prepare() -> None:
        if not (data / "PG_VERSION").is_file():
            _init_postgres(team, programs, data, user)

    def wrong() -> str | None:
        import psycopg2

        try:
            psycopg2.connect(team.database("postgres"), connect_timeout=5).close()
        except psycopg2.OperationalError as error:
            return " ".join(str(error).split())
        return None

    def settle() -> None:
        import psycopg2

        connection = psycopg2.connect(team.database("postgres"))
        connection.autocommit = True
        with connection.cursor() as cursor:
            for name in DATABASES:
                cursor.execute("select 1 from pg_database where datname = %s", (name,))
                if cursor.fetchone() is None:
                    cursor.execute(f'create database "{name}"')
        connection.close()

    settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Piece(
        "postgres",
        [str(programs / "postgres"), "-D", str(data), *words],
        inherited(),
        wrong,
        f"postgresql://127.0.0.1:{port}",
        "TEAM_POSTGRES_PORT",
        prepare,
        settle,
        user=user,
        end=signal.SIGINT,  # its fast shutdown: connections are closed, nothing has to be recovered
    )


def _postgres_programs(data: Path) -> Path:
    """Return the folder with `postgres` and `initdb`, of the version that wrote `data` if there is one."""
    wanted = (data / "PG_VERSION").read_text().strip() if (data / "PG_VERSION").is_file() else None
    found = [path for place in ("/usr/lib/postgresql", "/opt") for path in Path(place).glob("*/bin/initdb")]
    found += [Path(path).resolve() for path in [shutil.which("initdb")] if path]
    versions = {}
    for path in found:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
        if match := re.search(r"(\d+)", said):
            versions[match[1]] = path.parent
    if not versions:
        raise ChainruleError("PostgreSQL is not installed: apt-get install postgresql (or dnf, brew: postgresql)")
    if wanted is None:
        return versions[max(versions, key=int)]
    if wanted not in versions:
        there = ", ".join(sorted(versions, key=int))
        raise ChainruleError(f"{data} was written by PostgreSQL {wanted}, installed is {there}: install {wanted}")
    return versions[wanted]


def _init_postgres(team: Settings, programs: Path, data: Path, user: str | None) -> None:
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o700)
    password = team.folder / ".postgres-password"
    with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(team.secrets["TEAM_POSTGRES_PASSWORD"] + "\n")
    if user is not None:
        _give(user, data, password)
    options = ["--auth=scram-sha-256", "--username=chainrule", "--encoding=UTF8", "--locale=C"]
    done = subprocess.run(
        [programs / "initdb", "-D", data, f"--pwfile={password}", *options],
        env=inherited(),
        cwd="/",
        user=user,
        capture_output=True,
        text=True,
        check=False,
    )
    password.unlink()
    if done.returncode:
        hint = f" (does the user {user} reach this folder?)" if user else ""
        raise ChainruleError(f"initdb failed in {data}{hint}: {' '.join(done.stderr.split())}")


def _give(user: str, *paths: Path) -> None:
    """Let PostgreSQL's user, as which it runs if we are root, have these."""
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        raise ChainruleError(
            f"PostgreSQL refuses to run as root, and there is no user {user}: be another user"
        ) from None
    for path in paths:
        os.chown(path, account.pw_uid, account.pw_gid)
