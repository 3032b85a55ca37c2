"""What an objective may need of a net, in one word each, and what is said of a net that lacks it.

feature_map: maps of features, as `map_channels` tells. both_sides: tokens that see those on both sides of them. causal:
tokens that see those before them alone, as `causal` tells.
"""

from typing import TYPE_CHECKING, Literal

from chainrule.system.errors import ParamsError

if TYPE_CHECKING:  # the check of params.yaml takes no seconds to import it
    from torch import nn

Need = Literal["feature_map", "both_sides", "causal"]
LACKING: dict[Need, str] = {
    "feature_map": "gives no feature map",
    "both_sides": "sees nothing behind a hidden token",
    "causal": "sees the tokens that it would have to tell",
}
_REMEDY: dict[Need, str] = {
    "feature_map": "take another net, or simclr or rotation",
    "both_sides": "take causal, or an encoder such as BERT",
    "causal": "take masked_language, or a decoder: net gpt, or a base such as GPT-2",
}


def require(net: "nn.Module", need: Need, objective: str) -> None:
    """Raise ParamsError, with the remedy, where a net lacks what the objective of that name needs."""
    causal = bool(getattr(net, "causal", False))
    has = {"feature_map": hasattr(net, "map_channels"), "both_sides": not causal, "causal": causal}
    if not has[need]:
        raise ParamsError(f"pretrain.objective: {objective}: this net {LACKING[need]}; {_REMEDY[need]}")
