"""A net that reads one text and writes another: one path with and without a cache, padding that changes nothing."""

import pytest
import torch

from chainrule.nets import encoder_decoder
from chainrule.nets.encoder_decoder import EncoderDecoder, sinusoids
from chainrule.system.errors import ParamsError

SIZES = {"encoder_layers": 2, "decoder_layers": 2, "width": 16, "heads": 2, "feed_forward": 32, "max_length": 24}


@pytest.fixture(scope="module")
def net() -> EncoderDecoder:
    torch.manual_seed(0)
    return encoder_decoder.build(50, 0, dropout=0.0, **SIZES).eval()


@pytest.fixture(scope="module")
def texts() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What is read with its mask, and what is written."""
    drawn = torch.Generator().manual_seed(1)
    read = torch.randint(5, 50, (3, 7), generator=drawn)
    mask = torch.ones_like(read)
    mask[0, 4:] = 0
    return read.where(mask.bool(), 0), mask, torch.randint(5, 50, (3, 6), generator=drawn)


@torch.no_grad()
def test_step_by_step_it_says_what_it_says_at_once(net: EncoderDecoder, texts: tuple[torch.Tensor, ...]) -> None:
    read, mask, written = texts
    held = net.read(net(read, mask))
    at_once, _, looked = net.write(written, torch.ones_like(written), None, held, mask)
    past, steps = None, []
    for place in range(written.shape[1]):
        seen = torch.ones_like(written[:, : place + 1])
        logits, past, _ = net.write(written[:, place : place + 1], seen, past, held, mask)
        steps.append(logits)
    torch.testing.assert_close(torch.cat(steps, dim=1), at_once, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(looked.sum(dim=-1), torch.ones(3, 6))
    assert looked[0, :, 4:].abs().max() == 0


@torch.no_grad()
def test_no_token_sees_what_follows_it(net: EncoderDecoder, texts: tuple[torch.Tensor, ...]) -> None:
    read, mask, written = texts
    held, ones = net.read(net(read, mask)), torch.ones_like(written)
    other = written.clone()
    other[:, 4:] = 7
    one, two = (net.write(each, ones, None, held, mask)[0] for each in (written, other))
    torch.testing.assert_close(one[:, :4], two[:, :4])
    assert not torch.allclose(one[:, 4:], two[:, 4:])


@torch.no_grad()
def test_padding_of_either_side_changes_nothing(net: EncoderDecoder, texts: tuple[torch.Tensor, ...]) -> None:
    read, mask, written = texts
    alone = net.write(
        written[:1], torch.ones(1, 6).long(), None, net.read(net(read[:1, :4], mask[:1, :4])), mask[:1, :4]
    )
    left = torch.cat([torch.full((1, 2), 9), written[:1]], dim=1)
    padded = torch.tensor([[0, 0, 1, 1, 1, 1, 1, 1]])
    beside = net.write(left, padded, None, net.read(net(read[:1], mask[:1])), mask[:1])
    torch.testing.assert_close(beside[0][:, 2:], alone[0], rtol=1e-5, atol=1e-5)
    assert torch.isfinite(beside[0]).all()


def test_positions_are_those_of_the_paper() -> None:
    found = sinusoids(3, 4)
    assert found[2, 0] == pytest.approx(0.909297, abs=1e-6)  # sin 2
    assert found[2, 1] == pytest.approx(0.019999, abs=1e-6)  # sin 2/100
    assert found[2, 2] == pytest.approx(-0.416147, abs=1e-6)  # cos 2


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ParamsError, match="multiple of heads 3"):
        encoder_decoder.build(50, 0, dropout=0.0, **{**SIZES, "heads": 3})
