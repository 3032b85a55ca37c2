"""LitServe with batching, two workers of one thread per model: `peer_litserve.py PORT`."""

import sys
from typing import Any

import litserve  # type: ignore[import-not-found,unused-ignore]
import numpy as np
from peer_sessions import MAX_BATCH, inputs_of, names, session

BATCH_SECONDS = 0.002


class Peer(litserve.LitAPI):  # type: ignore[misc,unused-ignore]
    """One model."""

    def __init__(self, name: str) -> None:
        super().__init__(api_path=f"/{name}", max_batch_size=MAX_BATCH, batch_timeout=BATCH_SECONDS)
        self.name = name

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe passes it
        """Open the session, in a worker."""
        self.inputs = inputs_of(self.name)
        self.session = session(self.name)

    def decode_request(self, request: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return arrays of one item."""
        return {name: np.array(request[name], dtype).reshape(shape) for name, (shape, dtype) in self.inputs.items()}

    def batch(self, inputs: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Put items together."""
        return {name: np.stack([each[name] for each in inputs]) for name in self.inputs}

    def predict(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Run the graph."""
        logits: np.ndarray = self.session.run(None, inputs)[0]
        return logits

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        """Take items apart."""
        return list(output)

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        """Return what travels as JSON."""
        return {"logits": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer([Peer(name) for name in names()], accelerator="cpu", workers_per_device=2, timeout=60)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
