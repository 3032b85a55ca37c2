"""Two data sets of film sentences through the chain: training seconds and test accuracy, beside the floors.

Measured, for the recipes mr and sst2 of benchmarks/params/: `dvc repro evaluate@<recipe>` in a clone of the
commit that is checked out. BERT-mini (4 layers, 256 wide) starts from random weights: first a masked-language
pretraining on the training sentences, then fine-tuning on their labels. Given are the seconds of both training
loops (the metric training_seconds of their runs in MLflow), the seconds of each stage, and the test accuracy
with its 95% bootstrap interval, beside the floors trained and tested on the same rows.

MR ($CHAINRULE_REAL_DATA/mr-polarity) has no official split: a fifth of the sentences, chosen by hash, is the
test part. SST-2 ($CHAINRULE_REAL_DATA/sst2) keeps its three official parts; whole sentences only. Most
sentences of SST-2 are in MR as well, so each is trained and tested by itself, never one on the other.

Published for comparison (Kim 2014, random / static word vectors): MR 0.761 / 0.810, SST-2 0.827 / 0.868, the
latter trained on phrases too.
"""

import real_data

if __name__ == "__main__":
    real_data.main("text_real", __doc__, {"mr": "mr-polarity", "sst2": "sst2"}, targets={})
