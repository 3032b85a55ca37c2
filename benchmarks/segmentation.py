"""What separable convolutions cost: a U-Net over `dsdnet` beside the same over `dilated`, its dense twin.

Both as examples/isbi_membrane.yaml has them, `net.name` apart, with random weights: a cost is none of the weights. By
net: parameters; multiply-adds of an image of 512 by 512; milliseconds of it by the exported graph, fp32, on one thread
(the thread's own time, the median, by turns). What they are worth, `benchmarks/quality.py isbi_membrane` says, and the
same recipe with the other net.
"""

import statistics
import time
from typing import Any

import common
import numpy as np
import yaml

NETS = ("dsdnet", "dilated")
EXAMPLE = common.ROOT / "examples" / "isbi_membrane.yaml"
SIDE, TURNS = 512, 15
MOST = 0.25
"""Of the dense net's multiply-adds."""


def main() -> None:
    """Run the benchmark."""
    options = common.arguments(__doc__).parse_args()
    at_start = common.machine()
    block = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["recipes"]["isbi_membrane"]
    made = {net: cost({**block["net"], "name": net}) for net in NETS}
    figures: dict[str, Any] = {net: told for net, (told, _) in made.items()}
    for net, seconds in times({net: session for net, (_, session) in made.items()}).items():
        figures[net]["milliseconds"] = common.spread([1000 * each for each in seconds])
    share = figures["dsdnet"]["multiply_adds"] / figures["dilated"]["multiply_adds"]
    verdict = common.target("multiply-adds of dsdnet as a share of dilated's", share, "<=", MOST)
    for net in NETS:
        told = figures[net]
        print(f"{net}: {told['parameters']:,} parameters, {told['multiply_adds'] / 1e9:.2f} G, "
              f"{told['milliseconds']['median']:.0f} ms")  # fmt: skip
    common.write_result(options.results, "segmentation", at_start, {"side": SIDE}, {**figures, "share": verdict})


def cost(net: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return parameters and multiply-adds of a U-Net over a net of a recipe, and a session of its graph."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from chainrule.exporting import graph
    from chainrule.nets.catalogue import DEFAULTS
    from chainrule.serving import offline
    from chainrule.system import plugins
    from chainrule.tasks.segmentation import model as task

    options = {name: value for name, value in {**DEFAULTS[net["name"]], **net}.items() if name != "name"}
    facts = {"mean": [0.5], "std": [0.25], "channels": 1, "height": SIDE, "width": SIDE}
    torch.manual_seed(0)
    model = task.build(plugins.load("nets", net["name"]).build(1, **options), facts, {"classes": ["a", "b"]}).eval()
    image = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.uint8)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(image=image)
    told = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "multiply_adds": counter.get_total_flops() // 2,
    }
    example = task.example({**facts, "height": 96, "width": 96}, 2, torch.Generator().manual_seed(0))
    exported = graph.to_onnx(model, example, task.dynamic_shapes(facts))
    return told, offline.session(exported.SerializeToString(), net["name"], 1)


def times(sessions: dict[str, Any]) -> dict[str, list[float]]:
    """Return the thread's own seconds of each session for an image, by turns; the first turn warms up."""
    image = np.random.default_rng(0).integers(0, 256, (1, 1, SIDE, SIDE), np.uint8)
    found: dict[str, list[float]] = {name: [] for name in sessions}
    for turn in range(TURNS + 1):
        for name, session in sessions.items():
            began = time.thread_time()
            session.run(None, {"image": image})
            if turn:
                found[name].append(time.thread_time() - began)
    print({name: round(statistics.median(each), 4) for name, each in found.items()})
    return found


if __name__ == "__main__":
    main()
