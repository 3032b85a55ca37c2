"""The attention weights of a transformer, by layer and head, while it answers: the model is left as it is."""

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.examination.looked import Looked
from chainrule.system import plugins


@torch.no_grad()
def attention(looked: Looked, batch: Mapping[str, Tensor]) -> list[np.ndarray]:
    """Return per layer how much each token looks at each other, float32 [heads, T, T], rows summing to 1.

    batch: the inputs of one row, as the model takes them. An empty list: the net has no attention, or none that can be
    seen from outside.
    """
    names: tuple[str, ...] = looked.model.inputs  # type: ignore[assignment]
    given = {name: batch[name] for name in names}
    encoder = getattr(looked.model.net, "encoder", None)
    if hasattr(encoder, "set_attn_implementation"):
        found = _of_transformers(looked.model, encoder, given)
    else:
        with _watched(looked) as found:
            looked.model(**given)
    # Of windows there are several for a row: they are no tokens × tokens of it.
    if any(weights.ndim != 4 or len(weights) != 1 for weights in found):
        return []
    return [weights[0].float().cpu().numpy() for weights in found]


def _of_transformers(model: nn.Module, encoder: Any, given: Mapping[str, Tensor]) -> list[Tensor]:
    """Return what a model of transformers says itself, given what the net around it gives it."""
    calls: list[dict[str, Any]] = []

    def keep(_: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        calls.append(named)

    with encoder.register_forward_pre_hook(keep, with_kwargs=True):
        model(**given)
    found = encoder(**calls[0], output_attentions=True).attentions
    if not found or any(weights is None for weights in found):
        # Fused attention never has the weights in hand. A copy is asked, as no one can say what to set back.
        own = copy.deepcopy(encoder)
        own.set_attn_implementation("eager")
        found = own(**calls[0], output_attentions=True).attentions
    return [weights for weights in found or () if weights is not None]


@contextlib.contextmanager
def _watched(looked: Looked) -> Iterator[list[Tensor]]:
    """Give a list to which every attention of a net adds its weights [B, heads, T, T] while the net answers."""
    net = looked.model.net
    own = getattr(plugins.load("nets", looked.card["net"]["name"]), "CausalAttention", None)
    found: list[Tensor] = []

    def keep(_: nn.Module, given: tuple[Any, ...]) -> None:
        found.append(given[0])

    def keep_answer(_: nn.Module, given: tuple[Any, ...], answer: Any) -> None:
        found.append(answer[1])

    def ask(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return given, named | {"need_weights": True, "average_attn_weights": False}

    with contextlib.ExitStack() as stack:
        for module in net.modules():  # type: ignore[union-attr]
            if own is not None and isinstance(module, own):
                stack.enter_context(module.get_submodule("dropout").register_forward_pre_hook(keep))
            elif isinstance(module, nn.MultiheadAttention):
                stack.enter_context(module.register_forward_pre_hook(ask, with_kwargs=True))
                stack.enter_context(module.register_forward_hook(keep_answer))
            elif hasattr(module, "fused_attn") and isinstance(getattr(module, "attn_drop", None), nn.Module):
                stack.enter_context(_plain(module))
                stack.enter_context(module.attn_drop.register_forward_pre_hook(keep))  # type: ignore[union-attr]
        yield found


@contextlib.contextmanager
def _plain(module: Any) -> Iterator[None]:
    """Have an attention of timm compute its weights one by one for as long as they are looked at."""
    before = module.fused_attn
    module.fused_attn = False
    try:
        yield
    finally:
        module.fused_attn = before
