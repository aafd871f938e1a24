# SPDX-License-Identifier: BSD-2-Clause
"""Figures of least_squares: errors of every method against the condition number, time against size,
or both side by side."""
import numpy as np

from .style import CYCLE, GREY, finish, plt

EXPERIMENTS = ("least_squares",)
FLOOR = 1e-18  # an error of zero on a logarithmic axis
ULP = 2.0**-53


def _rows(result, name):
    """One row a method; a single column where nothing was varied."""
    values = np.asarray(result[name].values, dtype=float)
    return values[:, None] if values.ndim == 1 else values


def _names(result):
    return [str(name) for name in np.atleast_1d(result["name"].values)]


def _sizes(result):
    """Numbers of rows, where those were varied, else None."""
    if "rows" not in result or "seconds" in result and result["seconds"].dims[-1:] != ("rows",):
        return None
    return np.asarray(result["rows"].values)


def _reach(result):
    """Largest condition up to which each method has an error below 1e-15, or None."""
    condition = np.asarray(result["condition"].values, dtype=float)
    reach = {}
    for name, error in zip(_names(result), _rows(result, "forward_error")):
        good = np.minimum.accumulate(error <= 1e-15)
        reach[name] = condition[good][-1] if good.any() else None
    return reach


def answer(result):
    if "forward_error" not in result:
        return ""
    names, error = _names(result), _rows(result, "forward_error")
    if (sizes := _sizes(result)) is not None and "seconds" in result:
        seconds = _rows(result, "seconds")[:, -1]
        if not np.isfinite(seconds).any():
            return ""
        k = int(np.nanargmin(seconds))
        return f"{names[k]} is fastest at {sizes[-1]} rows, in {seconds[k]:.2g} s."
    if "condition" in result and error.shape[1] > 1:
        reach = _reach(result)
        best = max(reach, key=lambda name: (reach[name] or 0, name == "pne_quad"))
        others = [n for n in names if n.startswith("dgels") or n == "tsqr"]
        text = f"{best} keeps all digits up to condition {reach[best] or 0:.0e}"
        if others:
            known = max(reach[n] or 0 for n in others)
            text += f", LAPACK's methods up to {known:.0e}"
        return text + "."
    backward = _rows(result, "backward_error")[:, 0]
    if not np.isfinite(backward).any():
        return ""
    k = int(np.nanargmin(backward))
    return f"{names[k]} has the smallest backward error, {backward[k]:.1e}."


def _errors(result, name, title, reading):
    if "condition" not in result or name not in result:
        return None
    condition = np.asarray(result["condition"].values, dtype=float)
    if condition.size < 2:
        return None
    figure, axis = plt.subplots(figsize=(9, 4.6))
    for k, (method, error) in enumerate(zip(_names(result), _rows(result, name))):
        axis.loglog(condition, np.maximum(error, FLOOR), marker="o", markersize=4,
                    color=CYCLE[k % len(CYCLE)], linestyle="-" if k < len(CYCLE) else "--",
                    label=method)
    axis.axhline(ULP, color=GREY, linewidth=1, linestyle=":")
    axis.annotate("half an ulp of 1", (condition[0], ULP), fontsize=8, color=GREY,
                  xytext=(2, 3), textcoords="offset points")
    axis.set_xlabel("condition number")
    axis.set_ylabel(name.replace("_", " "))
    axis.legend(fontsize=8, ncol=2)
    return finish(figure, title, reading)


def forward(result):
    if "condition" not in result or "forward_error" not in result:
        return None
    kept = [f"{name} to {limit:.0e}" for name, limit in _reach(result).items() if limit]
    return _errors(result, "forward_error", "Forward error against condition",
                   "Methods with an error below 1e-15: " + (", ".join(kept) or "none") + ".")


def backward(result):
    if "backward_error" not in result:
        return None
    names, worst = _names(result), np.nanmax(_rows(result, "backward_error"), axis=1)
    stable = [name for name, error in zip(names, worst) if error <= 1e-14]
    return _errors(result, "backward_error", "Backward error against condition",
                   "Backward stable at every condition: " + (", ".join(stable) or "none") + ".")


def time(result):
    """Time of each method against the number of rows."""
    sizes = _sizes(result)
    if sizes is None or "seconds" not in result:  # reproducible files have no times
        return None
    names, seconds = _names(result), _rows(result, "seconds")
    figure, axis = plt.subplots(figsize=(9, 4.6))
    for k, (method, values) in enumerate(zip(names, seconds)):
        axis.loglog(sizes, values, marker="o", markersize=4, color=CYCLE[k % len(CYCLE)],
                    linestyle="-" if k < len(CYCLE) else "--", label=method)
    axis.set_xlabel("rows")
    axis.set_ylabel("time [s]")
    axis.legend(fontsize=8, ncol=2)
    return finish(figure, "Time against size", answer(result))


def beside(result):
    """Forward and backward error of each method, where nothing was varied."""
    if "backward_error" not in result or _rows(result, "backward_error").shape[1] > 1:
        return None
    names = _names(result)
    rows = np.arange(len(names))[::-1]
    figure, axis = plt.subplots(figsize=(9, 1.4 + 0.32 * len(names)))
    for name, marker, colour in (("forward_error", "o", CYCLE[0]), ("backward_error", "s", CYCLE[1])):
        axis.semilogx(np.maximum(_rows(result, name)[:, 0], FLOOR), rows, marker, color=colour,
                      label=name.replace("_", " "))
    axis.set_yticks(rows, names)
    axis.legend(fontsize=9)
    return finish(figure, "Errors of every method", answer(result))


def figures(result):
    return [forward(result), backward(result), time(result), beside(result)]
