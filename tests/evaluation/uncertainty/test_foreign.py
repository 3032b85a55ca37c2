"""Foreign rows: made of a recipe's own, with what makes them rows taken away and all else kept."""

import torch

from chainrule.evaluation.uncertainty.foreign import image, table, text


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_images_keep_their_pixels_or_none() -> None:
    given = torch.randint(0, 200, (5, 3, 6, 7), dtype=torch.uint8, generator=generator())
    found = {name: inputs["image"] for name, inputs in image.kinds({"image": given}, {}, generator()).items()}
    assert all(each.shape == given.shape and each.dtype == given.dtype for each in found.values())
    mixed = found["pixels in another order"]
    assert not torch.equal(mixed, given)
    colours, were = ({tuple(pixel) for pixel in each[0].flatten(1).T.tolist()} for each in (mixed, given))
    assert colours == were  # the three channels of a pixel move together
    assert int(found["pixels at random"].max()) > 200
    assert torch.equal(255 - found["light and dark exchanged"], given)


def test_texts_keep_their_frame_and_their_length() -> None:
    ids = torch.tensor([[2, 10, 11, 12, 13, 14, 3], [2, 20, 21, 3, 0, 0, 0]])
    mask = (ids != 0).long()
    facts = {"special_ids": [0, 1, 2, 3], "pad_id": 0, "vocabulary": 40}
    found = text.kinds({"input_ids": ids, "attention_mask": mask}, facts, generator())
    mixed, drawn = (found[name]["input_ids"] for name in ("words in another order", "words at random"))
    frame = ids < 4
    for each in (mixed, drawn):
        assert torch.equal(each[frame], ids[frame])
        assert (each[~frame] >= 4).all()
    assert not torch.equal(mixed, ids)
    assert torch.equal(mixed.sort(dim=1).values, ids.sort(dim=1).values)
    assert not torch.equal(drawn.sort(dim=1).values, ids.sort(dim=1).values)
    assert torch.equal(found["words at random"]["attention_mask"], mask)


def test_cells_come_from_other_rows_of_their_column() -> None:
    batch = {
        "numbers": torch.arange(12.0).view(6, 2),
        "categories": torch.arange(18).view(6, 3),
        "words": torch.arange(24).view(6, 1, 4),
    }
    found = table.kinds(batch, {}, generator())
    mixed = found["each cell of another row"]
    for name, cells in batch.items():
        assert not torch.equal(mixed[name], cells)
        assert torch.equal(mixed[name].sort(dim=0).values, cells)
    assert torch.equal(mixed["words"][:, 0, 0] + 3, mixed["words"][:, 0, 3])  # the words of a cell stay together
    larger = found["numbers ten times as large"]
    assert torch.equal(larger["numbers"], batch["numbers"] * 10)
    assert torch.equal(larger["categories"], batch["categories"])
    assert set(table.kinds({"categories": batch["categories"]}, {}, generator())) == {"each cell of another row"}
