# SPDX-License-Identifier: BSD-2-Clause
"""Verify that result files keep lathe's schema: check.py FILE.h5 …

Every axis has exactly one dimension scale; every variable has units and a long_name; types are those
that all netCDF-4 readers accept; the root and the groups hold what experiments/README.md promises.
Exit status 1 and one line per problem when something is missing.
"""
import sys

import h5py
import numpy as np

ROOT = ("Conventions", "title", "source", "references", "history", "lathe_schema", "experiment",
        "status", "converged", "seed", "repro_class")
GROUPS = ("input", "options", "provenance")
MATRIX_ROOT = ("Conventions", "title", "source", "lathe_schema", "content")  # of matrix_convert
STATUS = ("complete", "interrupted", "failed")
PLAIN = {"f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}


def text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def check_dataset(name, dataset):
    is_scale = text(dataset.attrs.get("CLASS", b"")) == "DIMENSION_SCALE"
    dimension_only = is_scale and text(dataset.attrs.get("NAME", b"")).startswith("This is a netCDF")
    if dataset.dtype.kind == "S" and dataset.dtype.itemsize == 1:
        if "_Encoding" not in dataset.attrs:
            yield f"{name}: characters without _Encoding"
    elif dataset.dtype.str[1:] not in PLAIN:
        yield f"{name}: type {dataset.dtype} is not read by every netCDF-4 reader"
    if not is_scale:
        for axis in range(dataset.ndim):
            scales = len(dataset.dims[axis])
            if scales != 1:
                yield f"{name}: axis {axis} has {scales} dimension scales, must have 1"
    if dimension_only:
        return
    if "long_name" not in dataset.attrs:
        yield f"{name}: no long_name"
    if dataset.dtype.kind in "fiu" and "flag_values" not in dataset.attrs:
        units = text(dataset.attrs.get("units", b""))
        if not units:
            yield f"{name}: no units"
        elif units in ("s.", "sec", "second", "seconds", "hours", "days", "ms"):
            yield f"{name}: units '{units}' turn into a timedelta in xarray; write s"


def check(path):
    """Problems of one file, as text."""
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        yield f"cannot be opened as HDF5: {error}"
        return
    with file:
        is_matrix = text(file.attrs.get("content", b"")) == "matrix"
        for name in MATRIX_ROOT if is_matrix else ROOT:
            if name not in file.attrs:
                yield f"root attribute {name} is missing"
        if text(file.attrs.get("status", "complete")) not in STATUS:
            yield f"status is '{text(file.attrs['status'])}', must be one of {', '.join(STATUS)}"
        for name in () if is_matrix else GROUPS:
            if name not in file:
                yield f"group /{name} is missing"
        datasets = []
        file.visititems(
            lambda n, o: datasets.append((n, o)) if isinstance(o, h5py.Dataset) else None)
        for name, dataset in datasets:
            yield from check_dataset(name, dataset)
        if {"lower", "upper"} <= set(file):
            lower, upper = np.asarray(file["lower"][()]), np.asarray(file["upper"][()])
            if lower.shape == upper.shape and np.any(lower > upper):
                yield "lower exceeds upper"


def main(paths):
    if not paths:
        sys.exit("usage: ./lathe check FILE.h5 …")
    bad = 0
    for path in paths:
        problems = list(check(path))
        bad += bool(problems)
        print(f"{path}: {'ok' if not problems else f'{len(problems)} problems'}")
        for problem in problems:
            print(f"  {problem}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
