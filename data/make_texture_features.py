#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Features of procedural textures for vmf_fit, as a random convolutional network sees them.

    /usr/bin/python3 data/make_texture_features.py [--dim 2048] [--rows 1000] [--seed 1] FILE.h5

Ten classes of 32 × 32 textures (gratings of three kinds, checkerboards, rings, spots, stripes in
noise, noise of three roughnesses), each image with its own phase, angle, period and noise. The
network: one layer of `dim`/64 random 5 × 5 filters, ReLU, means over blocks of 4 × 4 places, which
leaves 64 positions. The file: `features` (rows, dim) in single precision, `labels` (rows).
About 4·rows·dim bytes; a second a thousand rows of 2048. Debian: python3-numpy python3-h5py
"""
import argparse

import h5py
import numpy as np

SIDE, FILTER, PLACES = 32, 5, 8  # PLACES² positions are left of an image
CLASSES = 10


def texture(kind, rng):
    """One image, values of order 1."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    period, phase = rng.uniform(0.8, 1.25), rng.uniform(0, 2 * np.pi, 2)
    turn = rng.normal(0, 0.15)

    def wave(angle, cycles, shift):
        return np.sin(2 * np.pi * cycles * period * (x * np.cos(angle + turn) + y * np.sin(angle + turn)) + shift)

    def noise(exponent):
        k = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE))) + 1 / SIDE
        field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIDE, SIDE))) / k**exponent).real
        return field / field.std()

    centre = rng.uniform(0.3, 0.7, 2)
    images = [lambda: wave(0, 6, phase[0]), lambda: wave(np.pi / 2, 6, phase[0]),
              lambda: wave(np.pi / 4, 9, phase[0]),
              lambda: np.sign(wave(0, 4, phase[0]) * wave(np.pi / 2, 4, phase[1])),
              lambda: np.sin(2 * np.pi * 7 * period * np.hypot(x - centre[0], y - centre[1]) + phase[0]),
              lambda: 2.0 * (wave(0, 5, phase[0]) + wave(np.pi / 2, 5, phase[1]) > 1.2) - 1,
              lambda: 0.7 * np.sign(wave(np.pi / 3, 3, phase[0])) + 0.7 * noise(0),
              lambda: noise(0), lambda: noise(1), lambda: noise(2)]
    return images[kind]() + rng.normal(0, 0.1, (SIDE, SIDE))


def features(images, filters):
    """ReLU of every filter at every place of the periodic images, averaged over PLACES² blocks."""
    pad = np.pad(images, ((0, 0), (FILTER // 2,) * 2, (FILTER // 2,) * 2), mode="wrap")
    patches = np.lib.stride_tricks.sliding_window_view(pad, (FILTER, FILTER), axis=(1, 2))
    patches = patches.reshape(len(images), SIDE * SIDE, FILTER * FILTER)
    seen = np.maximum(patches @ filters, 0)  # images, places, filters
    block = SIDE // PLACES
    seen = seen.reshape(len(images), PLACES, block, PLACES, block, -1).mean(axis=(2, 4))
    return seen.reshape(len(images), -1).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--dim", type=int, default=2048, help="features, a multiple of 64")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    if a.dim < 64 or a.dim % PLACES**2:
        parser.error(f"--dim {a.dim} is no positive multiple of {PLACES**2}")
    if a.rows < 1:
        parser.error(f"--rows {a.rows} must be at least 1")
    rng = np.random.default_rng(a.seed)
    filters = rng.normal(size=(FILTER * FILTER, a.dim // PLACES**2)) / FILTER
    labels = np.arange(a.rows) % CLASSES
    with h5py.File(a.file, "w") as file:
        data = file.create_dataset("features", (a.rows, a.dim), "f4", track_times=False)
        data.attrs["long_name"] = np.bytes_(b"random convolutional features of textures")
        file.create_dataset("labels", data=labels.astype("i4"), track_times=False)
        for first in range(0, a.rows, 64):  # a block in memory at a time
            some = labels[first:first + 64]
            images = np.array([texture(kind, rng) for kind in some])
            data[first:first + 64] = features(images, filters)


if __name__ == "__main__":
    main()
