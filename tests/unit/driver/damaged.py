# SPDX-License-Identifier: BSD-2-Clause
"""Thousands of damaged HDF5 and CSV files, every byte of them a target: each is refused with its name
or gives an object, in time. (matrix_mutations.cpp does the same to Matrix Market, PETSc binary and
the values inside HDF5 matrices.)

usage: damaged.py READER [COPIES OF EACH SEED]

HDF5 1.10 itself crashes on some damaged structures; then the reader must end with exit code 1 and say
which file is damaged. Exits 77 (skipped) without h5py.
"""
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)


def sparse(file, **storage):
    rng = np.random.default_rng(1)
    group = file.create_group("m")
    starts = np.arange(0, 121, 4)
    for name, values in (("data", rng.standard_normal(120)), ("indptr", starts),
                         ("indices", np.sort(rng.integers(0, 20, 120).reshape(30, 4)).ravel())):
        group.create_dataset(name, data=values, **storage)
    group.attrs["shape"] = (30, 20)
    group.attrs["format"] = "csr"


def chunked(file):
    sparse(file, chunks=(16,), compression="gzip", shuffle=True, fletcher32=True)


def dense(file):
    file.create_dataset("d", data=np.arange(600.0).reshape(30, 20), chunks=(7, 5), maxshape=(None, 20))
    file["d"].attrs["layout"] = "row_major"
    for i in range(20):  # many attributes are stored in another way
        file["d"].attrs[f"note{i}"] = "x" * i


def kernels(file):
    for i in range(3):
        weight = file.create_dataset(f"l/{i}/w", data=np.ones((4, 3, 3, 3)) * i)
        weight.attrs.update({"stride": 1, "padding": [1, 1], "padding_mode": "circular",
                             "input_shape": [8, 8]})


def network(file):
    file.attrs["input_shape"] = [3, 6, 6]
    layers = file.create_group("layers")
    for i, (kind, attributes, datasets) in enumerate((
            ("conv", {"padding": 1}, {"weight": np.ones((4, 3, 3, 3)), "bias": np.zeros(4)}),
            ("batchnorm", {}, {n: np.ones(4) for n in ("gamma", "beta", "mean", "var")}),
            ("activation", {"function": "relu"}, {}), ("maxpool", {"kernel": 2}, {}),
            ("flatten", {}, {}), ("linear", {}, {"weight": np.ones((5, 36))}))):
        group = layers.create_group(f"{i:03}")
        group.attrs["type"] = kind
        group.attrs.update(attributes)
        for name, values in datasets.items():
            group[name] = values
    file["evaluation/images"] = np.zeros((4, 108))
    file["evaluation/labels"] = np.arange(4)


def columns(file):
    file["v"] = np.arange(9.0)
    file["x"] = np.linspace(0.1, 4, 9)
    file["x_low"] = np.full(9, 1e-18)


CSV = ("# points\n v, x ,\"w\"\n0,0.5,1\n1e0,+1.25,2\r\n 2.5 , 0x1.8p3,3\n\n3,4.00000000000000000001,4\n"
       "17,\"5\",-6\n1.7976931348623157e308,5e-324,7\n")


def seeds(folder):
    """(kind, path) of sound files, in HDF5's oldest and newest structures."""
    for fill, kind in ((sparse, "matrix"), (chunked, "matrix"), (dense, "matrix"),
                       (kernels, "kernels"), (network, "network"), (columns, "columns")):
        for version in ("earliest", "latest"):
            path = f"{folder}/{fill.__name__}_{version}.h5"
            with h5py.File(path, "w", libver=version) as file:
                fill(file)
            yield kind, path
    path = f"{folder}/points.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write(CSV)
    yield "columns", path


def attack(reader, kind, seed, copy, count):
    """Read `count` copies; (answered, refused, crashes inside HDF5)."""
    at, answered, refused, crashes = 0, 0, 0, 0
    while at < count:
        done = subprocess.run([reader, kind, seed, copy, str(at), str(count)], capture_output=True,
                              check=False, timeout=600)
        lines = done.stdout.decode(errors="replace").splitlines()
        unnamed = [line for line in lines if line.startswith("unnamed")]
        assert not unnamed, (seed, unnamed)
        if done.returncode == 0:
            words = lines[-1].split()
            return answered + int(words[1]), refused + int(words[3]), crashes
        last = max(int(line.split()[1]) for line in lines if line.startswith("at "))
        assert done.returncode == 1 and b"the HDF5 library crashed while reading it" in done.stderr, (
            seed, last, done.returncode, done.stderr.decode(errors="replace")[-2000:])
        crashes += 1
        at = last + 1  # the counts of this life are lost, the files were read
    return answered, refused, crashes


def main():
    reader = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    total, lost = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for kind, seed in seeds(folder):
            copies = count if seed.endswith(".h5") else 5 * count
            answered, refused, crashes = attack(reader, kind, seed, f"{folder}/copy", copies)
            print(f"{os.path.basename(seed)}: {copies} copies, {answered} read, {refused} refused, "
                  f"{crashes} crashes of HDF5", flush=True)
            assert refused > 0 and answered > 0
            total += copies
            lost += crashes
    print(f"{total} damaged files, {lost} of them crashed the HDF5 library")


main()
