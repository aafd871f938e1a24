# SPDX-License-Identifier: BSD-2-Clause
"""Figures of matern_fit: the likelihood around the optimum, and how the optimiser got there."""
import numpy as np

from .style import BLUE, GREY, ORANGE, RED, drawn, finish, plt

EXPERIMENTS = ("matern_fit",)
LEVELS = (0.5, 1.15, 2.3, 4.6, 9.2)  # drops of the log-likelihood


def _scalar(result, name):
    return float(result[name].values) if name in result else float("nan")


def _with_error(result, name):
    value, error = _scalar(result, name), _scalar(result, name + "_std_error")
    return f"{name} {value:.4g}" + (f" ± {error:.2g}" if np.isfinite(error) else "")


def answer(result):
    if "variance" not in result:
        return ""
    fitted = ", ".join(_with_error(result, n) for n in ("variance", "range", "smoothness"))
    return (f"{fitted}; log-likelihood {_scalar(result, 'log_likelihood'):.6g} after "
            f"{int(result['iterations'].values)} iterations.")


def surface(result):
    """Profile likelihood over range and smoothness, with the path of the optimiser."""
    if "surface_log_likelihood" not in result:
        return None
    x = np.asarray(result["surface_range"].values, dtype=float)
    y = np.asarray(result["surface_smoothness"].values, dtype=float)
    drop = _scalar(result, "log_likelihood") - np.asarray(
        result["surface_log_likelihood"].values, dtype=float)
    if len(x) < 2 or len(y) < 2 or not np.any(np.isfinite(drop)):
        return None
    figure, axis = plt.subplots(figsize=(9, 5))
    axis.grid(False)
    shown = np.ma.masked_invalid(np.clip(drop, 1e-3, None))
    image = axis.pcolormesh(x, y, shown, norm="log", cmap="viridis_r", shading="nearest",
                            rasterized=True)
    figure.colorbar(image, ax=axis, label="below the maximal log-likelihood")
    lines = axis.contour(x, y, shown, levels=LEVELS, colors="white", linewidths=0.9)
    axis.clabel(lines, fmt="−%g", fontsize=8)
    path_x = np.asarray(result["path_range"].values, dtype=float)
    path_y = np.asarray(result["path_smoothness"].values, dtype=float)
    axis.plot(path_x, path_y, "-o", color=ORANGE, markersize=3.5, linewidth=1.2, label="optimiser")
    axis.errorbar([_scalar(result, "range")], [_scalar(result, "smoothness")],
                  xerr=[_scalar(result, "range_std_error")],
                  yerr=[_scalar(result, "smoothness_std_error")], fmt="s", color=RED, capsize=3,
                  label="estimate ± standard error")
    axis.set_xlim(x.min(), x.max())
    axis.set_ylim(y.min(), y.max())
    axis.set_xlabel("range, in units of the coordinates")
    axis.set_ylabel("smoothness ν")
    axis.legend(loc="upper right", frameon=True)
    inside = float(np.mean(drop < 2.3))
    reading = (f"The likelihood is highest at range {_scalar(result, 'range'):.4g} and smoothness "
               f"{_scalar(result, 'smoothness'):.4g}; along the ridge the two trade off, and "
               f"{100 * inside:.0f} % of the rectangle lie within 2.3 of the maximum.")
    return finish(figure, "Likelihood of range and smoothness", reading)


def convergence(result):
    """Log-likelihood and gradient at each iteration."""
    if "path_log_likelihood" not in result:
        return None
    value = np.asarray(result["path_log_likelihood"].values, dtype=float)
    norm = np.asarray(result["path_gradient_norm"].values, dtype=float)
    if len(value) < 2:
        return None
    figure, axis = plt.subplots(figsize=(9, 3.6))
    steps = np.arange(len(value))
    gap = np.maximum(_scalar(result, "log_likelihood") - value, 1e-13)
    axis.semilogy(steps, gap, "-o", color=BLUE, markersize=4, label="log-likelihood to go")
    axis.semilogy(steps, np.maximum(norm, 1e-17), "--s", color=GREY, markersize=3.5,
                  label="gradient norm")
    axis.set_xlabel("iteration")
    axis.legend()
    reading = (f"The optimiser gains {value[-1] - value[0]:.4g} in log-likelihood in "
               f"{len(value) - 1} iterations and {int(result['evaluations'].values)} evaluations, "
               f"and ends with a gradient of {norm[-1]:.1e} ({result['reason'].values}).")
    return finish(figure, "Way to the optimum", reading)


def figures(result):
    return drawn(result, surface, convergence)
