# SPDX-License-Identifier: BSD-2-Clause
"""Logarithms of Bessel functions: log_bessel."""
import numpy as np

from .style import CYCLE, GREY, drawn, finish, plt

EXPERIMENTS = ("log_bessel",)

INK = "#111827"
FRAME = (1e-4, 1e6)  # of orders and arguments; points outside are drawn on its border
BARS = {"error_i": 3.0, "error_k": 3.0}  # eps: what log_bessel.h promises
MOST_POINTS = 50000  # in one figure


def answer(result):
    """The result in one sentence."""
    if "points" not in result:
        return ""
    count = int(result["points"].values)
    errors = [f"log {k.upper()} {float(result[name].values):.2f}"
              for k in "ik" if (name := f"largest_error_{k}") in result]
    if not errors:
        return f"{count} points."
    return (f"{count} points; largest error in units of 2⁻⁵²·max(1, |value|): "
            + ", ".join(errors) + ".")


def _sample(count):
    """Evenly spaced indices of at most MOST_POINTS points."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).astype(int))


def _regions(result):
    region = result["region"]
    return np.asarray(region.values), region.attrs["flag_meanings"].split()


def _frame(axis, title):
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(FRAME[0] / 2, FRAME[1] * 2)
    axis.set_ylim(FRAME[0] / 2, FRAME[1] * 2)
    axis.set_xlabel("argument x")
    axis.set_ylabel("order v")
    axis.set_title(title, fontsize=10)
    angle = np.linspace(0, np.pi / 2, 200)[1:-1]  # inside: power series and patches
    axis.plot(24.6 * np.cos(angle), 14.8 * np.sin(angle), color=INK, linewidth=1)
    axis.plot([FRAME[0], 180, 180], [180, 180, FRAME[0]], ":", color=INK, linewidth=1)


def error_map(result):
    """Errors against the reference over the plane of order and argument."""
    shown = [name for name in BARS if name in result]
    if not shown:
        return None
    v, x = (np.clip(np.asarray(result[n].values, dtype=float), *FRAME) for n in ("v", "x"))
    figure, axes = plt.subplots(1, len(shown), figsize=(4.6 * len(shown) + 0.6, 4.4), squeeze=False)
    parts = []
    for axis, name in zip(axes[0], shown):
        error = np.asarray(result[name].values, dtype=float)
        order = np.argsort(error)  # the worst on top
        order = order[_sample(len(order))]
        _frame(axis, f"log {name[-1].upper()}")
        dots = axis.scatter(x[order], v[order], c=np.minimum(error[order], 1e300), s=5,
                            cmap="viridis", vmin=0, vmax=BARS[name], linewidths=0, rasterized=True)
        figure.colorbar(dots, ax=axis, label="error [2$^{-52}$ max(1, |value|)]", shrink=0.85)
        parts.append(f"log {name[-1].upper()} is at most {np.nanmax(error):.2f} off, "
                     f"{np.nanpercentile(error, 99):.2f} at 99 % of the points")
    reading = (f"Of {len(v)} points " + " and ".join(parts) +
               ", in units of 2⁻⁵²·max(1, |value|); the full line bounds the middle region, beyond "
               "the dotted one eight terms suffice.")
    return finish(figure, "Error over the plane", reading)


def error_by_region(result):
    """Quantiles of the errors in each region, beside the promised bound."""
    shown = [name for name in BARS if name in result]
    if not shown:
        return None
    region, names = _regions(result)
    present = [k for k in range(len(names)) if np.any(region == k)]
    figure, axis = plt.subplots(figsize=(9, 0.9 + 0.45 * len(present)))
    rows = np.arange(len(present))[::-1]
    worst = {}
    for shift, colour, name in zip((0.14, -0.14), CYCLE, shown):
        error = np.asarray(result[name].values, dtype=float)
        parts = [error[region == k] for k in present]
        top = np.array([p.max() for p in parts])
        axis.hlines(rows + shift, [np.median(p) for p in parts], top, color=colour, alpha=0.35,
                    linewidth=4)
        axis.plot([np.percentile(p, 99) for p in parts], rows + shift, "|", color=colour,
                  markersize=10, markeredgewidth=2)
        axis.plot(top, rows + shift, "o", color=colour, markersize=5,
                  label=f"log {name[-1].upper()}: median to largest, bar at 99 %")
        worst[name] = (names[present[int(np.argmax(top))]], top.max())
    axis.axvline(BARS["error_i"], color=GREY, linestyle=":")
    axis.set_yticks(rows, [f"{names[k]} ({np.sum(region == k)})" for k in present])
    axis.set_xlabel("error [2$^{-52}$ max(1, |value|)]; dotted: bound")
    axis.legend(fontsize=8)
    where = " and ".join(f"{top:.2f} for log {name[-1].upper()} in region {place}"
                         for name, (place, top) in worst.items())
    return finish(figure, "Error by region", f"The largest errors are {where}.")


def value_map(result):
    """Sign and size of log I and log K, and where they pass through zero."""
    if "log_i" not in result or len(result["v"].values) < 4 or "error_i" in result:
        return None
    keep = _sample(len(result["v"].values))
    v, x = (np.asarray(result[n].values, dtype=float)[keep] for n in ("v", "x"))
    figure, axes = plt.subplots(1, 2, figsize=(9.8, 4.2))
    shares = []
    for axis, name in zip(axes, ("log_i", "log_k")):
        value = np.asarray(result[name].values, dtype=float)[keep]
        scaled = np.sign(value) * np.log10(1 + np.abs(value))
        top = np.nanmax(np.abs(scaled[np.isfinite(scaled)]), initial=1e-3)
        dots = axis.scatter(x, v, c=np.clip(scaled, -top, top), s=7, cmap="RdBu_r", vmin=-top,
                            vmax=top, linewidths=0, rasterized=True)
        for scale, values in ((axis.set_xscale, x), (axis.set_yscale, v)):
            if np.all(values > 0) and values.max() > 50 * values.min():
                scale("log")
        axis.set_xlabel("argument x")
        axis.set_ylabel("order v")
        axis.set_title(name.replace("log_", "log ").replace("i", "I").replace("k", "K"), fontsize=10)
        figure.colorbar(dots, ax=axis, shrink=0.85,
                        label="sign(value) · log$_{10}$(1 + |value|)")
        shares.append(np.mean(value > 0))
    reading = (f"log I is positive at {shares[0]:.0%} of the points shown and log K at "
               f"{shares[1]:.0%}; between the colours each passes through zero.")
    return finish(figure, "Values", reading)


def figures(result):
    return drawn(result, error_map, error_by_region, value_map)

