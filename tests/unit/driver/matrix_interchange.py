#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Matrix files between lathe and what people have: scipy, h5py, xarray (both engines, warnings are
errors). PETSc's own MatLoad of what lathe writes is tested in C++ (test_matrix_io).

usage: matrix_interchange.py MATRIX_CONVERT MPIEXEC [RANKS ...]
Exits 77 (skipped) without numpy, scipy and h5py.
"""
import hashlib
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import h5py
    import numpy as np
    import scipy.io
    import scipy.sparse as sp
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

convert, mpiexec = sys.argv[1:3]
ranks = sys.argv[3:] or ["1", "3"]
checks = 0


def run(source, target, np_ranks, kind="-mat", fails=False):
    r = subprocess.run([mpiexec, "-n", np_ranks, convert, kind, source, "-o", target],
                       capture_output=True, text=True)
    if fails:
        assert r.returncode != 0, r.stdout
        return r.stderr
    assert r.returncode == 0, (source, target, r.stdout, r.stderr)
    return r.stdout


def equal(a, b, what):
    """Bitwise: -0.0 differs from 0.0."""
    global checks
    a = np.asarray(a.todense() if sp.issparse(a) else a)
    b = np.asarray(b.todense() if sp.issparse(b) else b)
    assert a.shape == b.shape, (what, a.shape, b.shape)
    assert np.array_equal(a.astype(float).view(np.uint64), b.astype(float).view(np.uint64)), what
    checks += 1


def group_matrix(path, name="matrix"):
    with h5py.File(path) as f:
        g = f[name]
        return sp.csr_matrix((g["data"][:], g["ir"][:], g["jc"][:]), shape=tuple(g.attrs["shape"]))


def samples():
    rng = np.random.default_rng(11)
    a = sp.random(40, 23, density=0.2, random_state=3, format="csr")
    a.data = rng.standard_normal(a.nnz) * 10.0 ** rng.integers(-300, 300, a.nnz)
    a.data[0], a.data[1] = 5e-324, 1.7976931348623157e308
    a.sort_indices()
    s = sp.random(17, 17, density=0.2, random_state=4, format="csr")
    return a, (s + s.T).tocsr(), rng.standard_normal((9, 5))


def matrix_market(tmp, p, a, s, d):
    def path(name):
        return os.path.join(tmp, name)
    cases = {"general.mtx": (a, {}), "symmetric.mtx": (s, {"symmetry": "symmetric"}),
             "pattern.mtx": (sp.csr_matrix(abs(s) > 0).astype(float), {"field": "pattern"}),
             "skew.mtx": (sp.tril(s, -1) - sp.tril(s, -1).T, {"symmetry": "skew-symmetric"}),
             "integer.mtx": (sp.csr_matrix(np.arange(12).reshape(3, 4)), {"field": "integer"}),
             "array.mtx": (d, {})}
    for name, (m, options) in cases.items():
        scipy.io.mmwrite(path(name), m, precision=17, **options)
        reference = scipy.io.mmread(path(name))
        run(path(name), path("o.mtx"), p)
        equal(scipy.io.mmread(path("o.mtx")), reference, name)
        if name == "general.mtx":
            run(path(name), path("o.mtx.gz"), p)
            equal(scipy.io.mmread(path("o.mtx.gz")), reference, name + ".gz")
    scipy.io.mmwrite(path("v.mtx"), d[:, :1], precision=17)
    run(path("v.mtx"), path("v.h5"), p, "-vec")
    with h5py.File(path("v.h5")) as f:
        equal(f["vector"][:], d[:, 0], "vector")


def hdf5(tmp, p, a, d):
    def path(name):
        return os.path.join(tmp, name)
    with h5py.File(path("in.h5"), "w") as f:
        f["dense"] = d
        f.create_dataset("packed", data=d.astype("f4"), chunks=(4, 2), compression="gzip")
        f["fortran"] = np.asfortranarray(d)
        f["integers"] = np.arange(6, dtype="u2").reshape(2, 3)
        f["big_endian"] = d.astype(">f8")
        for name, m in (("csr", a), ("csc", a.tocsc())):
            g = f.create_group(name)
            g["data"], g["indices"], g["indptr"] = m.data, m.indices, m.indptr
            g.attrs["shape"] = m.shape
            g.attrs["encoding-type"] = name + "_matrix"
        g = f.create_group("mat73")  # as MATLAB 7.3 stores a sparse double matrix
        c = a.tocsc()
        g["data"], g["ir"], g["jc"] = c.data, c.indices.astype("u8"), c.indptr.astype("u8")
        g.attrs["MATLAB_sparse"] = np.uint64(a.shape[0])
        g.attrs["MATLAB_class"] = np.bytes_("double")
    want = {"dense": d, "packed": d.astype("f4"), "fortran": d, "big_endian": d,
            "integers": np.arange(6).reshape(2, 3), "csr": a, "csc": a, "mat73": a}
    for name, m in want.items():
        run(path("in.h5") + ":/" + name, path("o.h5"), p)
        if name in ("csr", "csc", "mat73"):
            equal(group_matrix(path("o.h5")), m, name)
        else:
            with h5py.File(path("o.h5")) as f:
                equal(f["matrix"][:], m, name)
                assert f["matrix"].attrs["layout"] == b"row_major"
        if name not in ("dense", "csr"):
            continue
        run(path("o.h5"), path("o.petsc"), p)
        run(path("o.petsc"), path("back.mtx"), p)
        equal(scipy.io.mmread(path("back.mtx")), m, name + " through PETSc binary")
    run(path("in.h5") + ":/csr", path(f"csr{p}.h5"), p)
    run(path("in.h5") + ":/dense", path(f"dense{p}.h5"), p)
    assert "8 candidates" in run(path("in.h5"), path("never.h5"), p, fails=True)
    assert not os.path.exists(path("never.h5"))


def xarray_opens(tmp, p, a, d):
    try:
        import h5netcdf  # noqa: F401  imported here: numpy's own import warnings are not ours
        import netCDF4  # noqa: F401
        import xarray as xr
    except ImportError:
        print("no xarray with both engines: skipped this part")
        return
    global checks
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for engine in ("h5netcdf", "netcdf4"):
            with xr.open_dataset(f"{tmp}/csr{p}.h5", engine=engine, group="matrix") as ds:
                ds.load()
                assert dict(ds.sizes) == {"row_plus_1": a.shape[0] + 1, "nnz": a.nnz}, ds.sizes
                assert np.array_equal(ds["data"].values, a.data)
                assert np.array_equal(ds["ir"].values, a.indices)
            with xr.open_dataset(f"{tmp}/csr{p}.h5", engine=engine) as ds:
                ds.load()
            with xr.open_dataset(f"{tmp}/dense{p}.h5", engine=engine) as ds:
                assert ds["matrix"].dims == ("matrix_row", "matrix_column"), ds["matrix"].dims
                assert np.array_equal(ds["matrix"].values, d)
            checks += 3


def main():
    a, s, d = samples()
    digests = {}
    with tempfile.TemporaryDirectory() as tmp:
        for p in ranks:
            matrix_market(tmp, p, a, s, d)
            hdf5(tmp, p, a, d)
            xarray_opens(tmp, p, a, d)
            for kind in ("csr", "dense"):
                with open(f"{tmp}/{kind}{p}.h5", "rb") as f:
                    digests.setdefault(kind, set()).add(hashlib.sha256(f.read()).hexdigest())
    assert all(len(d) == 1 for d in digests.values()), "output depends on the number of ranks"
    print(f"{checks} exact comparisons on {', '.join(ranks)} ranks")


main()
