"""MLServer with a custom runtime and adaptive batching, two workers of one thread: `peer_mlserver.py ROOT PORT`."""

import json
import os
import sys
from pathlib import Path

from mlserver import MLModel  # type: ignore[import-not-found,unused-ignore]
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found,unused-ignore]
from mlserver.types import InferenceRequest, InferenceResponse  # type: ignore[import-not-found,unused-ignore]
from peer_sessions import MAX_BATCH, names, session

BATCH_SECONDS = 0.002


class Peer(MLModel):  # type: ignore[misc,unused-ignore]
    """One model."""

    async def load(self) -> bool:
        """Open the session, in a worker."""
        self.session = session(self.name)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Run the graph on what MLServer has put together."""
        feed = {each.name: NumpyCodec.decode_input(each) for each in payload.inputs}
        (logits,) = self.session.run(None, feed)
        return InferenceResponse(
            id=payload.id, model_name=self.name, outputs=[NumpyCodec.encode_output("logits", logits)]
        )


def main(root: Path, port: int) -> None:
    """Write MLServer's settings below `root` and become MLServer."""
    folder = root / "mlserver"
    folder.mkdir(exist_ok=True)
    for name in names():
        place = folder / name
        place.mkdir(exist_ok=True)
        settings = {
            "name": name,
            "implementation": "peer_mlserver.Peer",
            "max_batch_size": MAX_BATCH,
            "max_batch_time": BATCH_SECONDS,
        }
        (place / "model-settings.json").write_text(json.dumps(settings))
    server = {
        "host": "127.0.0.1", "http_port": port, "grpc_port": port + 1, "parallel_workers": 2, "metrics_endpoint": None,
        "debug": False,
    }  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(server))
    tool = str(Path(sys.executable).parent / "mlserver")
    os.execv(tool, [tool, "start", str(folder)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
