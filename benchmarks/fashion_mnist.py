"""Fashion-MNIST through the chain: training seconds and test accuracy of three nets, beside their floors.

Measured, for the recipes fashion_resnet9_fast, fashion_resnet9 and fashion_dsdnet of benchmarks/params/: `dvc repro
evaluate@<recipe>` in a clone of the commit that is checked out; the seconds that the training loop took (the
metric training_seconds of the finetune run in MLflow: no imports, no reading), the seconds of each stage, and
the accuracy on the 10,000 official test images with its 95% bootstrap interval, beside the floors trained and
tested on the same rows. The official test part is used once, at the end; 5% of the official training part,
chosen by hash, selects the epoch.

The four IDX files are in $CHAINRULE_REAL_DATA/fashion-mnist. Published for comparison (README of
zalandoresearch/fashion-mnist): CNN under 100,000 parameters 0.925, two convolutions with batch normalisation
0.934, ResNet-18 0.949; HOG with SVM 0.926.
"""

import real_data

if __name__ == "__main__":
    targets = {"fashion_resnet9_fast": 0.93, "fashion_resnet9": 0.945, "fashion_dsdnet": 0.94}
    real_data.main("fashion_mnist", __doc__, dict.fromkeys(targets, "fashion-mnist"), targets)
