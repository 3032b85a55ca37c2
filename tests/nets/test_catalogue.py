import importlib
import inspect
import pkgutil

import pytest
from pydantic import ValidationError

from chainrule import nets
from chainrule.nets.catalogue import NETS


def test_names_are_the_files_beside_it() -> None:
    assert set(NETS) == {module.name for module in pkgutil.iter_modules(nets.__path__)} - {"catalogue", "shared"}


@pytest.mark.parametrize("name", NETS)
def test_options_are_the_arguments_of_build(name: str) -> None:
    parameters = inspect.signature(importlib.import_module(f"chainrule.nets.{name}").build).parameters.values()
    assert list(NETS[name].options.model_fields) == [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


@pytest.mark.parametrize("name", NETS)
def test_every_option_is_asked_for_explained_and_no_other_is_taken(name: str) -> None:
    options = NETS[name].options
    assert [n for n, field in options.model_fields.items() if not field.is_required() or not field.description] == []
    with pytest.raises(ValidationError, match="Extra inputs"):
        options.model_validate({"no_such_option": 1})


def test_what_nets_give_is_what_their_modules_have() -> None:
    for name, net in NETS.items():
        module = importlib.import_module(f"chainrule.nets.{name}")
        source = inspect.getsource(module)
        own = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
        assert ("feature_map" in net.gives) == any(hasattr(each, "feature_map") for each in own), name
        assert ("causal" in net.gives) == ("causal" in source)
        reads = net.modalities == ("text",) and name not in ("bag", "vectors")  # whose tokens know of no other
        assert bool({"both_sides", "causal"} & set(net.gives)) == reads


def test_even_kernels_are_refused() -> None:
    good = {
        "width": 8,
        "depth": 1,
        "stages": 1,
        "stem": 1,
        "kernel": 3,
        "dilations": [1],
        "expansion": 2,
        "dropout": 0.0,
    }
    assert NETS["dsdnet"].options.model_validate(good).model_dump() == good
    with pytest.raises(ValidationError, match="must be odd"):
        NETS["dsdnet"].options.model_validate(good | {"kernel": 4})
