#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Right-hand sides that fit digits_features.mtx.gz: digits_labels.h5.

    /usr/bin/python3 data/make_digits_labels.py     # Debian: python3-sklearn python3-h5py

`label` is the digit on each of the 1797 images as a number; `is_0` to `is_9` are its one-hot code:
1 where the image shows that digit and 0 elsewhere.
"""
import gzip
import pathlib

import h5py
import numpy as np
from sklearn.datasets import load_digits

FOLDER = pathlib.Path(__file__).resolve().parent
SOURCE = (
    "Optical Recognition of Handwritten Digits, test part: E. Alpaydin, C. Kaynak, UCI Machine "
    "Learning Repository 1998, doi:10.24432/C50P49; as shipped by scikit-learn load_digits"
)


def stored_features():
    """The matrix beside which the labels are to be used, (1797, 64)."""
    with gzip.open(FOLDER / "digits_features.mtx.gz", "rt", encoding="ascii") as file:
        lines = [line for line in file if not line.startswith("%")]
    rows, columns = map(int, lines[0].split())
    return np.array(lines[1:], dtype=int).reshape(columns, rows).T


def main():
    digits = load_digits()
    assert (digits.data.astype(int) == stored_features()).all(), "other images, or in other order"
    path = FOLDER / "digits_labels.h5"
    with h5py.File(path, "w") as file:
        file.attrs["title"] = "Labels of 1797 handwritten digits"
        file.attrs["source"], file.attrs["license"] = SOURCE, "CC BY 4.0"
        file.attrs["history"] = "data/make_digits_labels.py"

        def store(name, values, long_name):
            data = file.create_dataset(name, data=values.astype("i1"), track_times=False)
            data.attrs["long_name"] = long_name

        store("label", digits.target, "digit on each image")
        for k in range(10):
            store(f"is_{k}", digits.target == k, f"1 where the image shows a {k}, else 0")
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
