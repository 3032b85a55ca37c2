import pytest

from chainrule.system.errors import ParamsError
from chainrule.training import precision


@pytest.mark.parametrize("wish", ["fp32", "bf16"])
@pytest.mark.parametrize("gains", [True, False])
@pytest.mark.parametrize("hardware", [True, False])
def test_an_explicit_wish_is_obeyed(wish: str, gains: bool, hardware: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda: hardware)
    assert precision.resolve(wish, gains) == wish


def test_a_wish_that_the_machine_has_no_instructions_for_is_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda: False)
    assert "auto takes what it has" in precision.doubts("bf16")
    assert precision.doubts("auto") == precision.doubts("fp32") == ""
    monkeypatch.setattr(precision, "multiplies_bf16", lambda: True)
    assert precision.doubts("bf16") == ""


@pytest.mark.parametrize(
    ("gains", "hardware", "expected"),
    [(True, True, "bf16"), (True, False, "fp32"), (False, True, "fp32"), (False, False, "fp32")],
)
def test_auto_needs_both_the_nets_gain_and_the_hardware(
    gains: bool, hardware: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda: hardware)
    assert precision.resolve("auto", gains) == expected


@pytest.mark.parametrize(
    ("capability", "expected"), [((6, 1), "fp32"), ((7, 0), "fp16"), ((7, 5), "fp16"), ((8, 0), "bf16")]
)
def test_auto_takes_what_a_gpu_of_an_age_multiplies(
    capability: tuple[int, int], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(precision.torch.cuda, "get_device_capability", lambda: capability)
    assert precision.resolve("auto", True) == expected
    assert precision.resolve("auto", False) == "fp32"


def test_fp16_without_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision.torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParamsError, match="precision: fp16 needs a GPU"):
        precision.resolve("fp16", True)


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_a_gpu_multiplies_bf16_from_capability_8_on(
    capability: tuple[int, int], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(precision.torch.cuda, "get_device_capability", lambda: capability)
    assert precision.multiplies_bf16() is expected


@pytest.mark.parametrize(("amx", "avx512"), [(True, False), (False, True), (False, False)])
def test_a_cpu_multiplies_bf16_with_amx_or_avx512(amx: bool, avx512: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision.torch.cuda, "is_available", lambda: False)
    has = {"amx_tile": amx, "avx512_bf16": avx512, "avx2": True}
    monkeypatch.setattr(precision.torch.cpu, "get_capabilities", lambda: has)
    assert precision.multiplies_bf16() is (amx or avx512)


def test_a_cpu_of_another_kind_has_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(precision.torch.cpu, "get_capabilities", lambda: {"architecture": "aarch64"})
    assert precision.multiplies_bf16() is False


def test_the_machine_at_hand_gives_the_same_answer_each_time() -> None:
    assert precision.multiplies_bf16() is precision.multiplies_bf16()
