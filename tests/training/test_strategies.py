"""Which weights move under a strategy, and which do not."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chainrule.nets import cnn, dsdnet, encoder, gpt, resnet8, resnet9, timm, torchvision, transformers
from chainrule.system.errors import ParamsError
from chainrule.tasks.image_classification import model as task
from chainrule.tasks.text_classification import model as text_task
from chainrule.tasks.text_pair_classification import model as pair_task
from chainrule.training import strategy
from chainrule.training.inputs.text import Inputs as Texts
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.optimizers import make_optimizer
from chainrule.training.strategies import discriminative, full, gradual, head_only, last_layers, lora, named
from chainrule.training.targets.label import Loss
from small_trainings import fit, images, measured

FACTS: dict[str, Any] = {"mean": [0.5], "std": [0.3]}
TARGET = {"classes": ["a", "b"]}
CONSTANTS = {"mean", "std", "temperature"}
HEAD = {"head.weight", "head.bias"}
STILL = {"optimizer": "nesterov", "schedule": "constant", "warm_up": 0.0, "weight_decay": 0.1, "gradient_clip": None}


BERT = {"arch": "bert", "layers": 2, "width": 8, "heads": 2, "feed_forward": 8, "max_length": 8, "dropout": 0.1}
TEXTS = {"vocabulary": 50, "pad_id": 0, "unknown_id": 1, "max_length": 8, "special_ids": [0, 1, 2, 3, 4], "end_id": 3}


def small_model() -> Any:
    torch.manual_seed(0)
    return task.build(cnn.build(1, width=3, depth=3, dropout=0.2), FACTS, TARGET)


def bert_model() -> Any:
    torch.manual_seed(0)
    return text_task.build(encoder.build(50, 0, **BERT), TEXTS, TARGET)


def texts(rows: int, seed: int = 0) -> Texts:
    """Make texts of eight words, of low numbers (label 0) or high ones (label 1)."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(rows) % 2
    ids = torch.randint(5, 28, (rows, 8), generator=random) + 22 * labels[:, None]
    return Texts(ids.tolist(), labels, TEXTS)


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def trained(
    module: Any,
    model: Any = None,
    epochs: int = 2,
    optimizer: str = "nesterov",
    freeze_norms: bool = False,
    learning_rate: float | None = None,
    **options: Any,
) -> tuple[Any, list[dict[str, Tensor]]]:
    """Train a small model; return it and its state before and after every epoch."""
    model = model or small_model()
    chosen = strategy.of(module, options, model, freeze_norms=freeze_norms)
    objective = Supervised(model, Loss())
    rows = texts if "input_ids" in model.inputs else images
    states = [state(model)]
    settings = STILL | {"epochs": epochs, "optimizer": optimizer}
    settings |= {"learning_rate": learning_rate} if learning_rate else {}
    fit(
        strategy.StrategyLoss(objective, chosen), rows(16), rows(8, seed=1), strategy=chosen,
        on_epoch=lambda record: states.append(state(model)), **settings,
    )  # fmt: skip
    chosen.merge(model)
    return model, states


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}


def names(model: nn.Module, modules: list[nn.Module]) -> set[str]:
    """Return the names in the model's state of all that these modules hold."""
    paths = {id(module): path for path, module in model.named_modules()}
    return {f"{paths[id(module)]}.{name}" for module in modules for name in module.state_dict()}


def test_head_only_changes_no_weight_and_no_running_average_of_the_net() -> None:
    _, states = trained(head_only, rate=10.0)
    assert any("running_mean" in name for name in states[0])
    assert moved(states[0], states[-1]) == HEAD


def test_a_head_alone_learns_so_many_times_as_fast() -> None:
    """In plain gradient descent a rate of 10 is ten times the rate, step by step."""
    (slow, _), (fast, _) = (
        trained(head_only, epochs=1, optimizer="sgd", rate=rate, learning_rate=0.05 / rate) for rate in (1.0, 10.0)
    )
    torch.testing.assert_close(slow.head.weight, fast.head.weight)


def test_full_changes_every_weight_and_every_running_average() -> None:
    _, states = trained(full)
    assert moved(states[0], states[-1]) == set(states[0]) - CONSTANTS


def test_head_only_leaves_the_net_no_gradient_and_no_dropout() -> None:
    model = small_model().train()
    strategy.of(head_only, {"rate": 10.0}, model).begin(0)
    assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == HEAD
    assert not any(module.training for module in model.net.modules())
    assert model.head.training


@pytest.mark.parametrize("optimizer", ["nesterov", "adamw"])
@pytest.mark.parametrize("make", [small_model, bert_model], ids=["convolutions with batch norm", "bert"])
@pytest.mark.parametrize("per_epoch", [1, 2])
def test_gradual_unfreezes_from_the_top_and_what_is_frozen_stays_as_it_is(
    per_epoch: int, make: Any, optimizer: str
) -> None:
    model, states = trained(gradual, make(), epochs=4, optimizer=optimizer, per_epoch=per_epoch)
    net = strategy.layers(model.net)
    assert len(net) == 3
    for epoch in range(4):
        thawed = net[max(0, len(net) - per_epoch * epoch) :]
        expected = HEAD | names(model, [module for layer in thawed for module in layer])
        assert moved(states[epoch], states[epoch + 1]) == expected, epoch
    assert moved(states[3], states[4]) == set(states[0]) - CONSTANTS


@pytest.mark.parametrize("make", [small_model, bert_model], ids=["convolutions with batch norm", "bert"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_last_layers_learn_with_their_statistics_and_those_below_stay(layers: int, make: Any) -> None:
    model, states = trained(last_layers, make(), layers=layers)
    learning = strategy.layers(model.net)[-layers:]
    assert moved(states[0], states[-1]) == HEAD | names(model, [module for layer in learning for module in layer])


def test_more_layers_than_the_net_has_are_refused() -> None:
    with pytest.raises(ParamsError, match=r"^finetune\.strategy\.layers: 4, but the net has 3; "):
        trained(last_layers, layers=4)


@pytest.mark.parametrize(
    ("learn", "prefixes"),
    [
        (["net.layers.4"], ["net.layers.4."]),
        (["net.layers.[89]", "net.layers.1"], ["net.layers.8.", "net.layers.9.", "net.layers.1."]),
    ],
)
def test_named_modules_learn_with_their_statistics_and_all_others_stay(learn: list[str], prefixes: list[str]) -> None:
    _, states = trained(named, learn=learn)
    expected = {name for name in states[0] if name.startswith(tuple(prefixes))}
    assert expected
    assert moved(states[0], states[-1]) == HEAD | expected


def test_named_weights_learn_alone() -> None:
    _, states = trained(named, learn=["net.*.bias"])
    assert moved(states[0], states[-1]) == HEAD | {name for name in states[0] if name.endswith(".bias")}
    _, states = trained(named, bert_model(), learn=["net.*.layer.1.*"])
    assert moved(states[0], states[-1]) == HEAD | {name for name in states[0] if ".layer.1." in name}


@pytest.mark.parametrize("glob", ["net.layer.4", "net.layers.*.running_mean", "net.layers.2"])
def test_a_glob_that_names_no_weights_is_refused_with_names_that_there_are(glob: str) -> None:
    with pytest.raises(ParamsError) as caught:
        trained(named, learn=["net.layers.4", glob])
    said = str(caught.value)
    assert said.startswith(f"finetune.strategy.learn: {glob}: no weights are called so; near: ")
    assert "net.layers" in said.partition("near: ")[2]


@pytest.mark.parametrize(
    ("module", "options"),
    [(full, {}), (discriminative, {"decay": 0.5}), (gradual, {"per_epoch": 3}), (last_layers, {"layers": 3})],
)
@pytest.mark.parametrize("make", [small_model, bert_model], ids=["convolutions with batch norm", "bert"])
def test_frozen_norms_keep_weights_and_statistics_whatever_else_learns(
    module: Any, options: dict[str, Any], make: Any
) -> None:
    model, states = trained(module, make(), freeze_norms=True, **options)
    frozen = names(model, strategy.norms(model))
    kinds = (nn.BatchNorm2d, nn.LayerNorm)
    assert frozen == names(model, [module for module in model.modules() if isinstance(module, kinds)])
    assert moved(states[0], states[-1]) == set(states[0]) - CONSTANTS - frozen


def test_what_stands_beside_net_and_head_learns_with_the_head() -> None:
    torch.manual_seed(0)
    model = pair_task.build(encoder.build(50, 0, **BERT), TEXTS, TARGET)
    for module, options in ((head_only, {"rate": 10.0}), (gradual, {"per_epoch": 1}), (last_layers, {"layers": 1})):
        strategy.of(module, options, model).begin(0)
        assert all(weight.requires_grad for weight in model.compare.parameters()), module
        assert not any(weight.requires_grad for weight in strategy.layers(model.net)[0][0].parameters()), module


def test_how_many_weights_have_learnt_by_the_epoch_that_is_kept() -> None:
    model = small_model()
    sizes = [sum(weight.numel() for module in layer for weight in module.parameters())
             for layer in strategy.layers(model.net)]  # fmt: skip
    head = model.head.weight.numel() + model.head.bias.numel()
    whole = sum(weight.numel() for weight in model.parameters())
    step = strategy.of(gradual, {"per_epoch": 1}, model)
    assert [step.count(epochs) for epochs in (1, 2, 3, 4, 5)] == [
        head, head + sizes[2], head + sizes[2] + sizes[1], whole, whole,
    ]  # fmt: skip
    norm_weights = sum(weight.numel() for norm in strategy.norms(model) for weight in norm.parameters())
    assert strategy.of(full, {}, model, freeze_norms=True).count(1) == whole - norm_weights


def test_lower_layers_learn_more_slowly() -> None:
    model, states = trained(discriminative, epochs=1, decay=0.5)
    assert moved(states[0], states[1]) == set(states[0]) - CONSTANTS
    expected = dict.fromkeys(HEAD, 1.0)
    for depth, layer in enumerate(reversed(strategy.layers(model.net)), start=1):
        expected |= dict.fromkeys(names(model, layer), 0.5**depth)
    rates = strategy.of(discriminative, {"decay": 0.5}, model).rates(model)
    optimizer = make_optimizer(model, "adamw", 1.0, 0.1, rates)
    found = {id(weight): group["multiplier"] for group in optimizer.param_groups for weight in group["params"]}
    assert {name: found[id(weight)] for name, weight in model.named_parameters()} == {
        name: expected[name] for name, _ in model.named_parameters()
    }


def test_the_rate_of_each_group_is_its_share_of_the_schedules() -> None:
    settings = {"epochs": 1, "batch_size": 16, "weight_decay": 0.0}
    moves = []
    for multiplier in (1.0, 0.25):
        model = small_model()
        quarter = SimpleNamespace(rates=lambda model, to=multiplier: {model.head.weight: to})
        chosen = strategy.of(quarter, {}, model)
        before = state(model)
        fit(Supervised(model, Loss()), images(16), images(8), strategy=chosen, **(STILL | settings))
        moves.append({name: tensor - before[name] for name, tensor in state(model).items()})
    torch.testing.assert_close(moves[1]["head.weight"], moves[0]["head.weight"] / 4)
    assert torch.equal(moves[1]["head.bias"], moves[0]["head.bias"])


def test_a_loss_of_its_own_is_learnt_from_and_not_validated_by() -> None:
    seen = set()

    def pull(
        model: nn.Module, loss: Tensor, batch: dict[str, Tensor], outputs: dict[str, Tensor], *, strength: float
    ) -> Tensor:
        seen.add((len(batch["target"]), outputs["logits"].shape))
        return loss + strength * model.get_parameter("head.weight").square().sum()

    towards_nothing = SimpleNamespace(loss=pull)
    _, without = trained(full)
    _, pulled = trained(towards_nothing, strength=5.0)
    assert pulled[-1]["head.weight"].norm() < 0.5 * without[-1]["head.weight"].norm()
    assert seen == {(6, (6, 2)), (4, (4, 2))}
    model = small_model()
    objective = Supervised(model, Loss())
    more = strategy.StrategyLoss(objective, strategy.of(towards_nothing, {"strength": 5.0}, model))
    assert measured(more, images(8)) == measured(objective, images(8))


LORA: dict[str, Any] = {"rank": 2, "alpha": 8, "targets": None}


def adapted(make: Any, **options: Any) -> tuple[Any, strategy.Strategy, Any]:
    """Prepare a model for LoRA and train it; return it, its strategy and rows."""
    model = make()
    chosen = strategy.of(lora, LORA | options, model)
    rows = texts if "input_ids" in model.inputs else images
    fit(Supervised(model, Loss()), rows(16), rows(8), strategy=chosen, **STILL)
    return model, chosen, {name: rows(8).take(torch.arange(8), None)[name] for name in model.inputs}


@pytest.mark.parametrize("make", [small_model, bert_model], ids=["convolutions with batch norm", "bert"])
def test_lora_moves_only_adapters_and_merges_them_into_the_plain_net(make: Any) -> None:
    before = state(make())
    model, chosen, batch = adapted(make)
    during = state(model)
    still = {name for name in during if "lora_" not in name and not name.startswith("head.")}
    plain = {name: name.replace("net.base_model.model.", "net.").replace(".base_layer", "") for name in still}
    assert all(torch.equal(during[name], before[plain[name]]) for name in still)
    learnt = chosen.count(1)
    added = sum(tensor.numel() for name, tensor in during.items() if "lora_" in name)
    assert learnt == added + model.head.weight.numel() + model.head.bias.numel()
    with torch.no_grad():
        unmerged = model.eval()(**batch)["logits"]
        chosen.merge(model)
        merged = model.eval()(**batch)["logits"]
    torch.testing.assert_close(merged, unmerged, rtol=0, atol=1e-5)
    after = state(model)
    assert list(after) == list(before)
    matrices = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)}
    assert moved(before, after) == HEAD | matrices


def test_lora_adapts_what_is_named_alone() -> None:
    before = state(bert_model())
    model, chosen, _ = adapted(bert_model, targets=["*.query", "net.*.layer.1.*.value"])
    chosen.merge(model)
    attention = "net.encoder.encoder.layer.{}.attention.self.{}.weight"
    expected = {attention.format(layer, name) for layer, name in ((0, "query"), (1, "query"), (1, "value"))}
    assert moved(before, state(model)) == HEAD | expected


def test_lora_adapts_the_linear_layers_of_gpt_2_and_leaves_alone_what_torch_never_calls() -> None:
    """GPT-2 of transformers has its matrices turned; of an attention of torch the last layer is only read."""
    config = {"model_type": "gpt2", "vocab_size": 50, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 16}
    torch.manual_seed(0)
    turned = text_task.build(transformers.build(50, 0, config=config, dropout=None), TEXTS, TARGET)
    plain = state(turned)
    model, chosen, batch = adapted(lambda: turned)
    with torch.no_grad():
        unmerged = model.eval()(**batch)["logits"]
        chosen.merge(model)
        torch.testing.assert_close(model.eval()(**batch)["logits"], unmerged, rtol=0, atol=1e-5)
    matrices = {name for name in plain if ".h.0." in name and name.endswith("weight") and ".ln_" not in name}
    assert len(matrices) == 4
    assert moved(plain, state(model)) == HEAD | matrices
    attention = nn.Module()
    attention.net = nn.Sequential(nn.MultiheadAttention(8, 2), nn.Linear(8, 8))
    strategy.of(lora, LORA, attention)
    found = {name for name, _ in attention.named_parameters() if "lora_A" in name}
    assert found == {"net.base_model.model.1.lora_A.default.weight"}


@pytest.mark.parametrize("glob", ["net.encoder.layer.7.*", "net.encoder.embeddings.*"])
def test_lora_refuses_targets_that_are_no_matrices(glob: str) -> None:
    with pytest.raises(ParamsError, match=r"^finetune\.strategy\.targets: net\.encoder.*there are net\.encoder\."):
        adapted(bert_model, targets=[glob])


CONFIG = {
    "model_type": "bert", "vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 8, "max_position_embeddings": 16,
}  # fmt: skip


@pytest.mark.parametrize(
    ("net", "count"),
    [
        (lambda: cnn.build(1, width=2, depth=3, dropout=0.0), 3),
        (lambda: resnet8.build(1, width=2, dropout=0.0), 4),
        (lambda: resnet9.build(1, width=2, dropout=0.0), 6),
        (
            lambda: dsdnet.build(
                1, width=2, depth=2, stages=2, stem=1, kernel=3, dilations=[1], expansion=2, dropout=0.0
            ),
            6,
        ),
        (lambda: encoder.build(50, 0, **BERT), 3),
        (lambda: transformers.build(50, 0, config=CONFIG, dropout=None), 3),
        (lambda: transformers.build(50, 0, config={**CONFIG, "model_type": "roberta"}, dropout=None), 3),
        (lambda: gpt.build(50, 0, layers=2, width=8, heads=2, max_length=8, dropout=0.0), 3),
        (lambda: timm.build(3, arch="resnet18", size=None), 9),  # a stem and eight blocks
        (lambda: timm.build(3, arch="tf_efficientnet_lite0", size=None), 9),  # a stem, seven stages and a last matrix
        (lambda: torchvision.build(3, arch="resnet18", size=None), 9),
    ],
    ids=[
        "cnn",
        "resnet8",
        "resnet9",
        "dsdnet",
        "encoder",
        "bert",
        "roberta",
        "gpt",
        "timm resnet",
        "efficientnet",
        "torchvision resnet",
    ],
)
def test_the_layers_of_a_net_are_all_of_its_weights_once_from_the_bottom(net: Any, count: int) -> None:
    built = net()
    found = strategy.layers(built)
    weights = [id(parameter) for layer in found for module in layer for parameter in module.parameters()]
    assert weights == [id(parameter) for parameter in built.parameters()]
    assert len(found) == count


def test_the_layers_of_a_vision_transformer_are_its_patches_and_blocks() -> None:
    """What is learnt of positions stands beside them, and learns as slowly as the first."""
    model = task.build(timm.build(3, arch="vit_tiny_patch16_224", size=None), FACTS, TARGET)
    found = strategy.layers(model.net)
    assert len(found) == 13
    named = {id(module): name for name, module in model.net.named_modules()}
    assert [named[id(layer[0])] for layer in found[:2]] == ["net.patch_embed", "net.blocks.0"]
    rates = discriminative.rates(model, decay=0.5)
    slowest = {name for name, weight in model.net.named_parameters() if rates[weight] == 0.5**13}
    assert slowest == {"net.cls_token", "net.pos_embed", "net.patch_embed.proj.weight", "net.patch_embed.proj.bias"}
