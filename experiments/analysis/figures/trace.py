# SPDX-License-Identifier: BSD-2-Clause
"""Trace estimates: error against products, with the standard error that each estimate claims."""
import numpy as np
from matplotlib.ticker import LogLocator, NullLocator

from .style import CYCLE, GREY, drawn, finish, plt

EXPERIMENTS = ("trace_estimate",)


def _values(result, name):
    return np.atleast_1d(np.asarray(result[name].values, dtype=float))


def _texts(result, name):
    return [str(v) for v in np.atleast_1d(result[name].values)]


def answer(result):
    if "estimate" not in result:
        return ""
    error, estimate = _values(result, "standard_error"), _values(result, "estimate")
    if not np.isfinite(error).any():
        return "No method gave an estimate."
    best = int(np.nanargmin(error))
    text = (f"{_texts(result, 'name')[best]} is surest: {estimate[best]:.10g} ± {error[best]:.2g} "
            f"from {int(_values(result, 'matvecs')[best])} products")
    truth = float(result["truth"].values) if "truth" in result else np.nan
    return text + (f", true value {truth:.10g}." if np.isfinite(truth) else ".")


def estimates(result):
    """Each estimate with two standard errors."""
    if "estimate" not in result:
        return None
    done = np.isfinite(_values(result, "estimate"))
    if not done.any():
        return None
    names = [n for n, kept in zip(_texts(result, "name"), done) if kept]
    estimate, error = _values(result, "estimate")[done], _values(result, "standard_error")[done]
    truth = float(result["truth"].values)
    centre = truth if np.isfinite(truth) else np.nanmedian(estimate)
    rows = np.arange(len(names))[::-1]
    figure, axis = plt.subplots(figsize=(9, 1.4 + 0.35 * len(names)))
    for i, row in enumerate(rows):
        axis.errorbar(estimate[i] - centre, row, xerr=2 * error[i], fmt="o", capsize=3,
                      color=CYCLE[i % len(CYCLE)])
    axis.axvline(0, color=GREY, linewidth=0.8)
    smallest = np.nanmin(np.where(error > 0, error, np.nan), initial=np.inf)
    axis.set_xscale("symlog", linthresh=smallest if np.isfinite(smallest) else 1e-12 * abs(centre))
    axis.set_yticks(rows, names)
    axis.set_xlabel(f"estimate − {centre:.10g}, with two standard errors")
    where = "the true value" if np.isfinite(truth) else "their median"
    inside = np.sum(np.abs(estimate - centre) <= 2 * error)
    return finish(figure, "Estimates", f"{inside} of {len(names)} estimates lie within two standard "
                                       f"errors of {where}.")


def errors(result):
    """True error and claimed standard error against the number of products."""
    if "sweep_estimate" not in result or not np.isfinite(float(result["truth"].values)):
        return None
    methods = _texts(result, "sweep_method")
    products, error = _values(result, "sweep_matvecs"), _values(result, "sweep_error")
    claimed = _values(result, "sweep_standard_error")
    if not np.isfinite(error).any():  # no case finished
        return None
    truth = abs(float(result["truth"].values)) or 1.0
    floor = 1e-16 * truth
    figure, axis = plt.subplots(figsize=(9, 4.5))
    kinds = [m for m in dict.fromkeys(methods) if m]
    for index, kind in enumerate(kinds):
        mine = np.array([m == kind for m in methods]) & np.isfinite(error)
        colour = CYCLE[index % len(CYCLE)]
        axis.plot(products[mine], np.maximum(error[mine], floor) / truth, "-o", color=colour,
                  markersize=5, label=kind)
        axis.plot(products[mine], np.maximum(claimed[mine], floor) / truth, ":", color=colour)
        axis.fill_between(products[mine], np.maximum(claimed[mine] / 2, floor) / truth,
                          2 * np.maximum(claimed[mine], floor) / truth, color=colour, alpha=0.1)
    axis.plot([], [], ":", color=GREY, label="standard error, half to twice")
    axis.set_xscale("log")
    axis.set_yscale("log")
    budgets = sorted(set(_values(result, "sweep_budget")[np.isfinite(error)]))
    if budgets[-1] >= np.nanmax(products):  # else a product of theirs takes several
        axis.set_xticks(budgets, [f"{b:.0f}" for b in budgets])
    else:
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(lambda x, _: f"{x:.0f}")
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("products with the matrix")
    axis.set_ylabel("error / |truth|")
    axis.legend(fontsize=8)
    ratio = claimed / np.maximum(error, floor)
    return finish(figure, "Error against products",
                  "Median of the claimed standard error over the true error: "
                  f"{np.nanmedian(ratio):.2f}; smallest relative error "
                  f"{np.nanmin(np.maximum(error, floor)) / truth:.1e}.")


def figures(result):
    return drawn(result, errors, estimates)
