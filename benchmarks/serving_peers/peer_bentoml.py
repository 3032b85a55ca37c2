"""BentoML with adaptive batching, two workers of one thread.

max_latency_ms is far above what an answer takes: BentoML drops requests that it does not expect to answer in time
(at 100 it dropped some of 64 clients').
"""

import bentoml  # type: ignore[import-not-found,unused-ignore]
import numpy as np
from peer_sessions import MAX_BATCH, session

BATCHED = {"batchable": True, "batch_dim": 0, "max_batch_size": MAX_BATCH, "max_latency_ms": 10_000}


@bentoml.service(workers=2, traffic={"timeout": 60}, metrics={"enabled": False}, logging={"access": {"enabled": False}})  # type: ignore[misc,untyped-decorator,unused-ignore]
class Peer:
    """The two models of the benchmark."""

    def __init__(self) -> None:
        self.sessions = {name: session(name) for name in ("conv", "bert_mini")}

    @bentoml.api(**BATCHED)  # type: ignore[misc,untyped-decorator,unused-ignore]
    def conv(self, image: np.ndarray) -> np.ndarray:
        """Answer for images [B, 3, 32, 32]."""
        logits: np.ndarray = self.sessions["conv"].run(None, {"image": image.astype(np.float32, copy=False)})[0]
        return logits

    @bentoml.api(**BATCHED)  # type: ignore[misc,untyped-decorator,unused-ignore]
    def bert_mini(self, tokens: np.ndarray) -> np.ndarray:
        """Answer for texts [B, 2, T], ids and mask: an API that batches takes one argument."""
        tokens = tokens.astype(np.int64, copy=False)
        feed = {"input_ids": tokens[:, 0], "attention_mask": tokens[:, 1]}
        logits: np.ndarray = self.sessions["bert_mini"].run(None, feed)[0]
        return logits
