#!/bin/sh
# Make the virtual environments of the peers: make.sh FOLDER. Each is as its requirements-*.txt pins it.
# They came from `uv pip compile --python-version 3.11` on 2026-11-22, of the peer's name, numpy, onnxruntime and uvloop.
# MLServer's workers do not start with uvloop 0.22 or later; mlflow without uvloop makes a lone client wait for 48 ms.
set -eu
folder=${1:?usage: make.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
for peer in fastapi bentoml litserve mlserver mlflow; do
    uv venv --quiet --allow-existing --python 3.11 "$folder/$peer"
    uv pip install --quiet --compile-bytecode --python "$folder/$peer/bin/python" -r "$here/requirements-$peer.txt"
    echo "$peer: $folder/$peer"
done
