# SPDX-License-Identifier: BSD-2-Clause
"""Read lathe's result files.

    import lathe_analysis as la
    result = la.load("results/conv_norm.h5")     # h5py and numpy suffice
    result["upper"].values, result["upper"].units
    dataset = la.open("results/conv_norm.h5")    # the same as an xarray.Dataset

A file needs no helper to be read: xarray.open_dataset(path) works as it is, with either engine.
This module adds the groups (options, provenance, timing) and a plain-text table.
"""
from dataclasses import dataclass, field

import h5py
import numpy as np

_DIMENSION_ONLY = "This is a netCDF dimension but not a netCDF variable"
_INTERNAL = {"CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "_Netcdf4Dimid", "_Encoding",
             "_Netcdf4Coordinates", "_NCProperties"}


@dataclass
class Variable:
    """One dataset: values, the names of its dimensions, its attributes."""

    values: np.ndarray
    dims: tuple
    attrs: dict = field(default_factory=dict)

    @property
    def units(self):
        return self.attrs.get("units", "1")

    @property
    def long_name(self):
        return self.attrs.get("long_name", "")


@dataclass
class Result:
    """One result file. `variables` by name ("upper", "norm_map/conv1/norm_map"), `attrs` of the
    root, `groups`: the attributes of each group by path."""

    path: str
    attrs: dict
    variables: dict
    groups: dict

    def __getitem__(self, name):
        return self.variables[name]

    def __contains__(self, name):
        return name in self.variables

    @property
    def experiment(self):
        return self.attrs.get("experiment", "")

    def dimension(self, dim):
        """The variables along one dimension alone, in file order."""
        return {n: v for n, v in self.variables.items() if v.dims == (dim,) and n != dim}

    def scalars(self):
        return {n: v for n, v in self.variables.items() if v.dims == () and "/" not in n}


def _plain(value):
    """Attribute values as str, int, float or list."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.ndarray):
        return [_plain(x) for x in value.tolist()] if value.shape != () else _plain(value.item())
    return value.item() if isinstance(value, np.generic) else value


def _attributes(obj):
    return {k: _plain(v) for k, v in obj.attrs.items() if k not in _INTERNAL}


def _scale_name(dataset, axis):
    scales = list(dataset.dims[axis].values())
    return scales[0].name.rsplit("/", 1)[1] if scales else f"axis{axis}"


def _variable(dataset):
    values = dataset[()]
    is_scale = dataset.attrs.get("CLASS", b"") == b"DIMENSION_SCALE"
    name = dataset.name.rsplit("/", 1)[1]
    dims = (name,) if is_scale else tuple(_scale_name(dataset, i) for i in range(dataset.ndim))
    if dataset.dtype == np.dtype("S1") and dataset.ndim:  # text: one row of characters each
        rows = np.asarray(values).reshape(-1, values.shape[-1])
        text = [b"".join(row).rstrip(b"\0").decode("utf-8") for row in rows]
        values = np.array(text, dtype=object).reshape(values.shape[:-1])
        dims = dims[:-1]
    return Variable(np.asarray(values), dims, _attributes(dataset))


def load(path):
    """Everything in a result file, through h5py alone."""
    variables, groups = {}, {}
    with h5py.File(path, "r") as file:

        def visit(name, obj):
            if isinstance(obj, h5py.Group):
                groups[name] = _attributes(obj)
            elif not _plain(obj.attrs.get("NAME", b"")).startswith(_DIMENSION_ONLY):
                variables[name] = _variable(obj)

        file.visititems(visit)
        return Result(str(path), _attributes(file), variables, groups)


def open(path):  # noqa: A001 - the name every user of xarray expects
    """The file as an xarray.Dataset; group attributes become attributes "options.<name>" and so on.
    Without xarray: the Result of load()."""
    try:
        import xarray
    except ImportError:
        return load(path)
    dataset = xarray.open_dataset(path, engine="h5netcdf")
    for group, attrs in load(path).groups.items():
        for name, value in attrs.items():
            dataset.attrs[f"{group.replace('/', '.')}.{name}"] = value
    return dataset


def load_or_exit(path):
    """load() for command-line tools: a file that cannot be read ends the program with one line."""
    try:
        return load(path)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise SystemExit(f"{path}: cannot be read as a result file: {error}") from None


def format_number(value):
    """A number as a person wants to read it."""
    if isinstance(value, (bytes, str)):
        return value.decode() if isinstance(value, bytes) else value
    if isinstance(value, (int, np.integer)):
        return str(value)
    if not np.isfinite(value):
        return "" if np.isnan(value) else "inf"
    return f"{value:.8g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.3e}"


def table(result, dim):
    """Header and rows of the variables along a dimension; columns that are empty are left out."""
    columns = {n: v for n, v in result.dimension(dim).items()
               if any(format_number(x) for x in v.values)}
    header = [n if v.units in ("1", "") else f"{n} [{v.units}]" for n, v in columns.items()]
    rows = [[format_number(x) for x in row] for row in zip(*(v.values for v in columns.values()))]
    return header, rows


def text_table(header, rows):
    """Aligned columns for a terminal."""
    widths = [max(len(r[i]) for r in [header, *rows]) for i in range(len(header))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip()
                     for r in [header, *rows])
