#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Train the two digit classifiers in this folder and write their files and the digits matrix.

    /usr/bin/python3 data/train_digits_resnet.py        # half a minute on one core

Needs the Debian packages python3-torch, python3-sklearn, python3-h5py. Seeds are fixed and one
thread is used, so a second run on the same machine gives the same weights; another processor may
round sums differently and end at weights that differ in the last digits and grow from there.
"""
import gzip
import pathlib

import h5py
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

FOLDER = pathlib.Path(__file__).resolve().parent
SEED = 20240131
TEST_COUNT = 360
SOURCE = (
    "Optical Recognition of Handwritten Digits, test part (1797 images of 8 x 8 pixels, 0 to 16): "
    "E. Alpaydin, C. Kaynak, UCI Machine Learning Repository 1998, doi:10.24432/C50P49, CC BY 4.0; "
    "as shipped by scikit-learn load_digits (BSD-3-Clause)"
)
LICENSE = "weights: BSD-2-Clause; images: CC BY 4.0"


class Residual(nn.Module):
    """y = branch(x) + shortcut(x); the shortcut is the identity unless given."""

    def __init__(self, branch, shortcut=None):
        super().__init__()
        self.branch = nn.Sequential(*branch)
        self.shortcut = nn.Sequential(*shortcut) if shortcut else None

    def forward(self, x):
        return self.branch(x) + (self.shortcut(x) if self.shortcut else x)


def conv(cin, cout, kernel=3, stride=1):
    return nn.Conv2d(cin, cout, kernel, stride=stride, padding=kernel // 2, bias=False)


def residual_network():
    """Stem, identity block, strided projection block, one-convolution block, pooling, linear."""
    a, b = 8, 16
    return nn.Sequential(
        conv(1, a), nn.BatchNorm2d(a), nn.ReLU(),
        Residual([conv(a, a), nn.BatchNorm2d(a), nn.ReLU(), conv(a, a), nn.BatchNorm2d(a)]),
        nn.ReLU(),
        Residual([conv(a, b, stride=2), nn.BatchNorm2d(b), nn.ReLU(), conv(b, b), nn.BatchNorm2d(b)],
                 [conv(a, b, kernel=1, stride=2), nn.BatchNorm2d(b)]),
        nn.ReLU(),
        Residual([conv(b, b), nn.BatchNorm2d(b)]), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(b, 10),
    )


def perceptron():
    return nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
        nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10),
    )


def digits():
    """Images in [0, 1], labels, and the fixed split: a permutation whose last 360 rows are test."""
    data = load_digits()
    order = np.random.default_rng(SEED).permutation(len(data.target))
    return data.data, data.target, order[:-TEST_COUNT], order[-TEST_COUNT:]


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).double().mean().item()


def train(model, shape, epochs, weight_decay):
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for module in model.modules():  # initial weights depend on the seed alone
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    pixels, labels, train_rows, test_rows = digits()
    x = torch.tensor(pixels / 16.0, dtype=torch.float32).reshape(-1, *shape)
    y = torch.tensor(labels)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1e-2, epochs=epochs, steps_per_epoch=-(-len(train_rows) // 64))
    rows = torch.tensor(train_rows)
    for _ in range(epochs):
        model.train()
        for batch in rows[torch.randperm(len(rows))].split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch], label_smoothing=0.05).backward()
            optimizer.step()
            schedule.step()
    # Accuracy of what is stored: float32 weights evaluated in double.
    model.double()
    x = x.double()
    return accuracy(model, x[train_rows], y[train_rows]), accuracy(model, x[test_rows], y[test_rows])


class Writer:
    """Layers in order, as groups /layers/000, 001, … (schema: data/README.md)."""

    def __init__(self, file, shape):
        self.layers = file.create_group("layers", track_order=False)
        self.shape = tuple(shape)
        self.count = 0

    def group(self, kind, name):
        g = self.layers.create_group(f"{self.count:03d}")
        g.attrs["type"] = kind
        g.attrs["name"] = name
        self.count += 1
        return g

    def add(self, module, name):
        if isinstance(module, nn.Sequential):
            for key, child in module.named_children():
                self.add(child, f"{name}{key}")
        elif isinstance(module, Residual):
            self.residual(module, name)
        elif isinstance(module, nn.Conv2d):
            self.conv(module, name)
        elif isinstance(module, nn.Linear):
            g = self.group("linear", name)
            self.store(g, "weight", module.weight)
            self.store(g, "bias", module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            g = self.group("batchnorm", name)
            for key, value in (("gamma", module.weight), ("beta", module.bias),
                               ("mean", module.running_mean), ("var", module.running_var)):
                self.store(g, key, value)
            g.attrs["eps"] = module.eps
        elif isinstance(module, nn.ReLU):
            self.group("activation", name).attrs["function"] = "relu"
        elif isinstance(module, nn.AdaptiveAvgPool2d):
            self.group("global_avgpool", name)
        elif isinstance(module, nn.Flatten):
            self.group("flatten", name)
        else:
            raise TypeError(type(module))

    def residual(self, module, name):
        entry = self.shape
        self.group("residual_begin", name)
        self.add(module.branch, f"{name}.branch.")
        if module.shortcut:
            after, self.shape = self.shape, entry
            self.group("residual_shortcut", name)
            self.add(module.shortcut, f"{name}.shortcut.")
            assert self.shape == after
        self.group("residual_end", name)

    def conv(self, module, name):
        g = self.group("conv", name)
        dataset = self.store(g, "weight", module.weight)
        # On the dataset, so that a driver that reads kernels needs nothing else from the file.
        dataset.attrs["stride"] = np.array(module.stride)
        dataset.attrs["padding"] = np.array(module.padding)
        dataset.attrs["dilation"] = np.array(module.dilation)
        dataset.attrs["groups"] = module.groups
        dataset.attrs["padding_mode"] = module.padding_mode
        dataset.attrs["input_shape"] = np.array(self.shape)
        self.shape = tuple((n + 2 * p - k) // s + 1 for n, p, k, s in
                           zip(self.shape, module.padding, module.kernel_size, module.stride))

    @staticmethod
    def store(group, key, value):
        return group.create_dataset(key, data=value.detach().numpy().astype("f4"), track_times=False)


def write(path, model, shape, description, accuracies):
    with h5py.File(path, "w", track_order=False) as file:
        file.attrs["title"] = description
        file.attrs["input_shape"] = np.array(shape)
        file.attrs["train_accuracy"], file.attrs["test_accuracy"] = accuracies
        file.attrs["source"] = SOURCE
        file.attrs["license"] = LICENSE
        file.attrs["history"] = f"data/train_digits_resnet.py, torch {torch.__version__}, seed {SEED}"
        Writer(file, shape[1:]).add(model, "")
        pixels, labels, _, test_rows = digits()
        group = file.create_group("evaluation")
        images = group.create_dataset("images", data=pixels[test_rows].astype("u1"),
                                      track_times=False)
        images.attrs["scale"] = 1 / 16
        images.attrs["long_name"] = "test images, one a row, row-major; times scale is the input"
        targets = group.create_dataset("labels", data=labels[test_rows].astype("u1"),
                                       track_times=False)
        targets.attrs["long_name"] = "digit on each image"
    print(f"{path.name}: {path.stat().st_size} bytes, accuracy train {accuracies[0]:.4f} "
          f"test {accuracies[1]:.4f}")


def write_matrix(path):
    pixels = load_digits().data.astype(int)
    head = ("%%MatrixMarket matrix array integer general\n"
            "% 1797 handwritten digits, one a row: 8 x 8 pixels row-major, grey value 0 to 16\n"
            f"% {SOURCE}\n"
            f"{pixels.shape[0]} {pixels.shape[1]}\n")
    body = "\n".join(str(value) for value in pixels.T.ravel())  # array format is column-major
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
        out.write((head + body + "\n").encode("ascii"))
    print(f"{path.name}: {path.stat().st_size} bytes")


def main():
    write_matrix(FOLDER / "digits_features.mtx.gz")
    model = perceptron()
    accuracies = train(model, (64,), 60, 0.5)
    write(FOLDER / "digits_mlp.h5", model, (64,),
          "Perceptron 64-64-64-32-10 with ReLU for 8 x 8 handwritten digits", accuracies)
    model = residual_network()
    accuracies = train(model, (1, 8, 8), 60, 0.5)
    write(FOLDER / "digits_resnet.h5", model, (1, 8, 8),
          "Residual convolutional network for 8 x 8 handwritten digits", accuracies)


if __name__ == "__main__":
    main()
