from chainrule.data.losses import losses


def test_rows_lost_in_cleaning_and_in_splitting_are_counted_together_the_commonest_reason_first():
    clean = {"raw": 2000, "rejected": 60, "reasons": {"empty_text": 10, "exact_duplicate": 50}, "repairs": {"html": 9}}
    found = losses(clean)
    assert str(found) == "60 of 2,000 rows (3.0%) left out: exact duplicate 50, empty text 10"
    assert not found.loud
    split = {"excluded": 41, "excluded_shares_group_with_test": 41, "train": 1500}
    found = losses(clean, split)
    assert str(found) == (
        "101 of 2,000 rows (5.1%) left out: exact duplicate 50, shares group with test 41, empty text 10"
    )
    assert found.loud


def test_texts_that_were_cut_are_no_loss_and_said():
    found = losses({"raw": 2225, "rejected": 0, "reasons": {}, "repairs": {"cut": 1076}})
    assert str(found) == "none of 2,225 rows left out; 1,076 long texts cut"
    assert not found.loud
