# SPDX-License-Identifier: BSD-2-Clause
"""Regression in the p-norm: how close the objective is to its certified bound, and the residuals."""
import numpy as np

from .style import CYCLE, GREY, drawn, finish, plt

EXPERIMENTS = ("lp_regression",)


def _number(result, name):
    return float(np.asarray(result[name].values).reshape(-1)[0])


def answer(result):
    if "objective" not in result:
        return ""
    objective, bound = _number(result, "objective"), _number(result, "lower_bound")
    if not np.isfinite(objective):
        return "No case finished."
    gap = (objective - bound) / objective if objective > 0 else 0.0
    return (f"The objective {objective:.10g} is within {max(gap, 0):.1e} of its certified lower "
            f"bound, after {int(_number(result, 'iterations'))} steps.")


def residuals(result):
    """Quantiles of the absolute residuals: outliers stand apart, zeros are interpolated rows."""
    if "residual_quantile" not in result:
        return None
    values = np.asarray(result["residual_quantile"].values, dtype=float).reshape(-1)
    if not values.size or not np.isfinite(values).all():  # no case finished
        return None
    share = np.linspace(0, 100, values.size)
    positive = values[values > 0]
    floor = positive.min() / 2 if positive.size else 1.0
    median, largest = np.median(values), values.max()
    figure, axis = plt.subplots(figsize=(7, 4))
    axis.semilogy(share, np.maximum(values, floor), color=CYCLE[0])
    axis.axhline(max(median, floor), color=GREY, linewidth=1, linestyle=":")
    axis.set_xlabel("share of the rows [%]")
    axis.set_ylabel("absolute residual at most")
    reading = (f"Half of the residuals are below {median:.3g}, the largest is {largest:.3g}"
               + (f", {largest / median:.3g} times as large." if median > 0 else "."))
    return finish(figure, "Residuals", reading)


def figures(result):
    return drawn(result, residuals)
