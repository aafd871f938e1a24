#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Features that the residual digits network computes, for vmf_fit: digits_directions.h5.

    /usr/bin/python3 data/make_digits_directions.py     # Debian: python3-numpy python3-h5py

Reads digits_resnet.h5, evaluates it on its 360 test images in double precision and stores what
enters the last linear layer (after global pooling, 16 numbers) and what enters the pooling (256
numbers, the 16 maps of 4 x 4 in a row), each with its mean over the images taken off, so that rows
are directions on the whole sphere. Rounded to float32, the file is the same on every machine.
"""
import pathlib

import h5py
import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent


def convolve(x, weight, stride, padding):
    """x (images, channels, h, w), weight (out, in, k, k): cross-correlation with zero padding."""
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride[0], ::stride[1]]
    return np.einsum("nchwij,ocij->nohw", windows, weight, optimize=True)


def batch_norm(x, g):
    scale = g["gamma"][:] / np.sqrt(g["var"][:].astype(float) + g.attrs["eps"])
    return (x - g["mean"][:][:, None, None]) * scale[:, None, None] + g["beta"][:][:, None, None]


def features(file, images):
    """Input of the pooling and of the last linear layer; the logits."""
    x = images
    blocks = []  # input of a residual block, its branch once the shortcut begins
    found = {}
    for name in sorted(file["layers"]):
        g = file["layers"][name]
        kind = g.attrs["type"]
        if kind == "conv":
            w = g["weight"]
            x = convolve(x, w[:].astype(float), w.attrs["stride"], w.attrs["padding"])
        elif kind == "batchnorm":
            x = batch_norm(x, g)
        elif kind == "activation":
            x = np.maximum(x, 0)
        elif kind == "residual_begin":
            blocks.append([x, None])
        elif kind == "residual_shortcut":
            blocks[-1][1], x = x, blocks[-1][0]
        elif kind == "residual_end":
            entry, branch = blocks.pop()
            x = x + (entry if branch is None else branch)
        elif kind == "global_avgpool":
            found["maps"] = x.reshape(len(x), -1)
            x = x.mean(axis=(2, 3))
        elif kind == "linear":
            found["pooled"] = x
            x = x @ g["weight"][:].astype(float).T + g["bias"][:]
    return found, x


def main():
    with h5py.File(FOLDER / "digits_resnet.h5") as file:
        evaluation = file["evaluation"]
        labels = evaluation["labels"][:]
        scale = evaluation["images"].attrs["scale"]
        images = (evaluation["images"][:] * scale).reshape(-1, 1, 8, 8)
        found, logits = features(file, images)
        assert abs((logits.argmax(1) == labels).mean() - file.attrs["test_accuracy"]) < 1e-9
        source, licence = file.attrs["source"], file.attrs["license"]
    path = FOLDER / "digits_directions.h5"
    with h5py.File(path, "w") as out:
        out.attrs["title"] = "Features of 360 handwritten digits in a small residual network"
        out.attrs["source"], out.attrs["license"] = source, licence
        out.attrs["history"] = "data/make_digits_directions.py"
        for name, long_name in (("pooled", "input of the last linear layer, centred"),
                                ("maps", "input of the global pooling, centred")):
            rows = found[name] - found[name].mean(axis=0)
            data = out.create_dataset(name, data=rows.astype("f4"), track_times=False)
            data.attrs["long_name"] = long_name
        data = out.create_dataset("labels", data=labels, track_times=False)
        data.attrs["long_name"] = "digit on each image"
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
