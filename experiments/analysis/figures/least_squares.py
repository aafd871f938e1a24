# SPDX-License-Identifier: BSD-2-Clause
"""Figures of least_squares: errors of every method against the condition number, time against size,
or both side by side."""
import numpy as np

from .style import CYCLE, GREY, drawn, finish, plt, stroke

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


def _lost(result):
    """Methods that ended with an x that is not finite in any problem."""
    done = np.atleast_1d(result["status"].values) == 0
    wrong = ~np.isfinite(_rows(result, "backward_error")).all(axis=1)
    return [n for n, d, w in zip(_names(result), done, wrong) if d and w]


def _and_lost(result, text):
    lost = _lost(result)
    return text + (f" No finite x came from {', '.join(lost)}." if lost else "")


def _best(names, values):
    """Name and value of the smallest finite one, else None."""
    values = np.where(np.isfinite(values), values, np.inf)
    k = int(np.argmin(values))
    return (names[k], values[k]) if np.isfinite(values[k]) else None


def _by_condition(result, name):
    """Condition numbers in increasing order, and the values of each method in that order."""
    condition = np.asarray(result["condition"].values, dtype=float)
    order = np.argsort(condition, kind="stable")
    return condition[order], _rows(result, name)[:, order]


def _reach(result):
    """Largest condition up to which each method has an error below 1e-15, or None."""
    condition, errors = _by_condition(result, "forward_error")
    reach = {}
    for name, error in zip(_names(result), errors):
        good = np.minimum.accumulate(error <= 1e-15)
        reach[name] = condition[good][-1] if good.any() else None
    return reach


def answer(result):
    if "forward_error" not in result:
        return ""
    names, error = _names(result), _rows(result, "forward_error")
    if (sizes := _sizes(result)) is not None and "seconds" in result:
        k = int(np.argmax(sizes))
        solved = np.isfinite(_rows(result, "backward_error")[:, k])
        best = _best(names, np.where(solved, _rows(result, "seconds")[:, k], np.inf))
        return _and_lost(result, best and f"{best[0]} is fastest at {sizes[k]} rows, in "
                                          f"{best[1]:.2g} s." or "")
    if "condition" in result and error.shape[1] > 1:
        reach = _reach(result)
        best = max(reach, key=lambda name: (reach[name] or 0, name == "pne_quad"))
        text = (f"{best} keeps all digits up to condition {reach[best]:.0e}" if reach[best]
                else "No method keeps all digits at any condition")
        for known, whose in ((("dgels", "dgelsd"), "LAPACK's methods"), (("tsqr",), "TSQR")):
            limits = [reach[n] or 0 for n in names if n in known]
            if limits and reach[best]:
                text += f", {whose} " + (f"up to {max(limits):.0e}" if max(limits) else "at none")
        return _and_lost(result, text + ".")
    best = _best(names, _rows(result, "backward_error")[:, 0])
    return _and_lost(result, best and f"{best[0]} has the smallest backward error, {best[1]:.1e}."
                     or "")


def _errors(result, name, title, reading):
    if "condition" not in result or name not in result:
        return None
    condition, errors = _by_condition(result, name)
    if condition.size < 2 or not np.isfinite(errors).any():
        return None
    figure, axis = plt.subplots(figsize=(9, 4.6))
    for k, (method, error) in enumerate(zip(_names(result), errors)):
        axis.loglog(condition, np.maximum(error, FLOOR), marker="o", markersize=4, label=method,
                    **stroke(k))
    axis.axhline(ULP, color=GREY, linewidth=1, linestyle=":")
    axis.annotate("half an\nulp of 1", (1, ULP), xycoords=("axes fraction", "data"), fontsize=8,
                  color=GREY, xytext=(4, 0), textcoords="offset points", va="center")
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
    names, worst = _names(result), np.max(_rows(result, "backward_error"), axis=1)  # NaN: the worst
    stable = [name for name, error in zip(names, worst) if error <= 1e-14]
    return _errors(result, "backward_error", "Backward error against condition",
                   _and_lost(result, "Backward stable at every condition: "
                             + (", ".join(stable) or "none") + "."))


def time(result):
    """Time of each method against the number of rows."""
    sizes = _sizes(result)
    if sizes is None or "seconds" not in result:  # reproducible files have no times
        return None
    names, seconds = _names(result), _rows(result, "seconds")
    figure, axis = plt.subplots(figsize=(9, 4.6))
    order = np.argsort(sizes, kind="stable")
    for k, (method, values) in enumerate(zip(names, seconds)):
        axis.loglog(sizes[order], values[order], marker="o", markersize=4, label=method, **stroke(k))
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
    return drawn(result, forward, backward, time, beside)
