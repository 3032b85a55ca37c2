"""Tiny models of transformers behind the contract of a decoder graph, and what `generate` says of them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LAYERS, HEADS, WIDTH, VOCABULARY, END, PAD = 2, 2, 16, 23, 0, 22


def gpt2(seed: int = 0) -> Any:
    """Return a GPT-2 of random weights, sharp enough that its answers differ."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=64, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, initializer_range=0.4,
        eos_token_id=END, bos_token_id=1, pad_token_id=PAD,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


def marian(seed: int = 0) -> Any:
    """Return a Marian of random weights."""
    from transformers import MarianConfig, MarianMTModel

    torch.manual_seed(seed)
    config = MarianConfig(
        vocab_size=VOCABULARY, d_model=WIDTH, encoder_layers=LAYERS, decoder_layers=LAYERS, init_std=0.6,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=32, decoder_ffn_dim=32,
        max_position_embeddings=64, pad_token_id=PAD, eos_token_id=END, decoder_start_token_id=PAD,
        forced_eos_token_id=None,
    )  # fmt: skip
    model = MarianMTModel(config).eval()
    nn.init.normal_(model.final_logits_bias, std=0.5)
    return model


SHAPES = {f"past_{kind}_{layer}": (HEADS, WIDTH // HEADS) for layer in range(LAYERS) for kind in ("key", "value")}


def causal_run(model: Any) -> Any:
    """Return a GPT-2 as a run of the contract, positions told."""
    from transformers import DynamicCache

    @torch.no_grad()
    def run(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        inputs = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in feeds.items()}
        cache = DynamicCache()
        for layer in range(LAYERS):
            cache.update(inputs[f"past_key_{layer}"], inputs[f"past_value_{layer}"], layer)
        found = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], past_key_values=cache,
            position_ids=inputs["position_ids"], use_cache=True,
        )  # fmt: skip
        return {"logits": found.logits.numpy(), **_present(found.past_key_values)}

    return run


def _present(cache: Any) -> dict[str, np.ndarray]:
    return {
        f"present_{kind}_{layer}": getattr(cache.layers[layer], f"{kind}s").numpy()
        for layer in range(LAYERS)
        for kind in ("key", "value")
    }


def uncached(model: Any) -> Any:
    """Return a sequence-to-sequence model as a run that keeps the tokens themselves and computes all of them anew.

    Its `past_key_0` holds tokens, so that it shows what an engine does to a cache: cutting, moving, filling up.
    """

    @torch.no_grad()
    def run(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        past = feeds["past_key_0"][:, 0, :, 0].astype(np.int64)
        tokens = np.concatenate([past, feeds["input_ids"]], axis=1)
        mask = feeds["attention_mask"]
        logits = np.zeros((*feeds["input_ids"].shape, VOCABULARY), np.float32)
        for row in range(len(tokens)):
            real = np.flatnonzero(mask[row])
            source = feeds["encoder_mask"][row].astype(bool)
            states = torch.from_numpy(feeds["cross_key_0"][row : row + 1, 0][:, source])
            found = model(
                encoder_outputs=(states,), decoder_input_ids=torch.from_numpy(tokens[row : row + 1, real]),
                attention_mask=torch.ones(1, states.shape[1], dtype=torch.int64),
            ).logits[0].numpy()  # fmt: skip
            at = {int(place): order for order, place in enumerate(real)}
            for column in range(feeds["input_ids"].shape[1]):
                place = past.shape[1] + column
                if place in at:
                    logits[row, column] = found[at[place]]
        kept = np.concatenate([feeds["past_key_0"], feeds["input_ids"][:, None, :, None].astype(np.float32)], axis=2)
        return {"logits": logits, "present_key_0": kept}

    return run


def encoded(model: Any, ids: Tensor) -> dict[str, np.ndarray]:
    """Return what `uncached` sees of a source: the encoder's states as cross_key_0 [1, 1, S, D]."""
    with torch.no_grad():
        states = model.get_encoder()(input_ids=ids).last_hidden_state
    return {"cross_key_0": states[:, None].numpy(), "encoder_mask": np.ones(ids.shape, np.int64)}
