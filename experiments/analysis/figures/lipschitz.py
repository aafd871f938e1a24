# SPDX-License-Identifier: BSD-2-Clause
"""Spectral norms: conv_norm, matrix_norm, network_lipschitz."""
import numpy as np

from .style import BLUE, CERTIFICATE_COLOUR, CYCLE, GREEN, GREY, ORANGE, finish, plt, short

EXPERIMENTS = ("conv_norm", "matrix_norm", "network_lipschitz")


def answer(result):
    """The result in one sentence."""
    scalars = {n: v.values.item() for n, v in result.scalars().items()}
    if result.experiment == "matrix_norm" and "upper" in scalars:
        return (f"{scalars['lower']:.15g} ≤ ‖A‖₂ ≤ {scalars['upper']:.15g} "
                f"({scalars.get('certificate', '')}).")
    if result.experiment == "network_lipschitz":
        uppers = [v for n, v in scalars.items() if n.startswith("upper") and v == v]
        if uppers:
            return f"The network is Lipschitz with constant {min(uppers):.6g} in the 2-norm."
    if "upper" in result and "name" in result:
        count = len(result["name"].values)
        return f"{count} layers, each with a certified bracket of its spectral norm."
    return ""


def _finite(result, name):
    return np.asarray(result[name].values, dtype=float)


def brackets(result):
    """Per-layer brackets lower ≤ ‖layer‖ ≤ upper, coloured by certificate."""
    lower, upper = _finite(result, "lower"), _finite(result, "upper")
    names = [short(n) for n in result["name"].values]
    shown = np.isfinite(upper)
    if "type" in result:  # activations, pooling and the bookkeeping of blocks have exact constants
        types = result["type"].values
        names = [f"{name} {kind}" for name, kind in zip(names, types)]
        shown &= np.isin(types.astype(str), ("conv", "conv_transpose", "linear", "batchnorm"))
    kinds = list(result["certificate"].values)
    keep = np.flatnonzero(shown)
    height = max(2.0, 0.9 + 0.27 * len(keep))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, height), sharey=True,
                                         gridspec_kw={"width_ratios": [3, 2]})
    rows = np.arange(len(keep))[::-1]
    widths = np.array([(upper[i] - lower[i]) / lower[i] if lower[i] > 0 else 0.0 for i in keep])
    for kind in dict.fromkeys(kinds[i] for i in keep):
        mine = [k for k, i in enumerate(keep) if kinds[i] == kind]
        colour = CERTIFICATE_COLOUR.get(kind, GREY)
        left.hlines(rows[mine], lower[keep[mine]], upper[keep[mine]], color=colour, linewidth=4,
                    alpha=0.35)
        left.plot(upper[keep[mine]], rows[mine], "|", color=colour, markersize=11,
                  markeredgewidth=2, label=kind)
        left.plot(lower[keep[mine]], rows[mine], "|", color=colour, markersize=6,
                  markeredgewidth=2)
        right.plot(np.maximum(widths[mine], 1e-17), rows[mine], "o", color=colour, markersize=5)
    left.set_yticks(rows, [names[i] for i in keep])
    left.set_ylim(-0.7, len(keep) - 0.3)
    left.set_xlabel("spectral norm (lower to upper bound)")
    left.legend(loc="best", fontsize=9)
    right.set_xscale("log")
    right.set_xlabel("(upper − lower) / lower")
    worst = int(np.argmax(widths)) if len(widths) else 0
    top = int(np.nanargmax(upper[keep])) if len(keep) else 0
    reading = (f"{len(keep)} layers with weights lie between {np.nanmin(upper[keep]):.4g} and "
               f"{np.nanmax(upper[keep]):.6g} (largest: {names[keep[top]]}); the widest bracket, "
               f"{names[keep[worst]]}, is {widths[worst]:.1e} wide in relative terms.")
    return finish(figure, "Bracket of every layer", reading)


def gram_steps(result):
    """Overshoot of the Schatten and moment bounds against the number of Gram products."""
    schatten = np.atleast_2d(_finite(result, "schatten"))
    moment = np.atleast_2d(_finite(result, "moment")) if "moment" in result else None
    upper = np.atleast_1d(_finite(result, "upper"))
    names = np.atleast_1d(result["name"].values) if "name" in result else [""]
    figure, axis = plt.subplots(figsize=(9, 4.2))
    steps = np.arange(schatten.shape[1])
    floor = 1e-16
    shown = [i for i in range(schatten.shape[0]) if np.any(np.isfinite(schatten[i]))]
    for k, i in enumerate(shown):
        colour = CYCLE[k % len(CYCLE)]
        label = short(names[i]) if len(shown) <= 10 else None
        axis.plot(steps, np.maximum(schatten[i] / upper[i] - 1, floor), "-o", color=colour,
                  markersize=4, label=label)
        if moment is not None:
            axis.plot(steps, np.maximum(moment[i] / upper[i] - 1, floor), "--s", color=colour,
                      markersize=3.5, alpha=0.75)
    axis.set_yscale("log")
    axis.set_ylim(bottom=floor / 2)
    axis.set_xlabel("Gram step t (Schatten-2$^{t+1}$ norm)")
    axis.set_ylabel("bound / certified upper bound − 1")
    axis.plot([], [], "-o", color=GREY, markersize=4, label="Schatten")
    if moment is not None:
        axis.plot([], [], "--s", color=GREY, markersize=3.5, label="moment")
    axis.legend(fontsize=8, ncol=2)
    last = np.array([np.nanmax(schatten[i][-1:] / upper[i] - 1) for i in shown])
    reading = (f"After {len(steps) - 1} Gram products the Schatten bound is between "
               f"{max(np.nanmin(last), 0):.1e} and {np.nanmax(last):.1e} above the certified norm")
    if moment is not None:
        gain = np.array([np.nanmax(moment[i][-1:] / upper[i] - 1) for i in shown])
        reading += f"; the moment bound from the same matrices at most {max(np.nanmax(gain), 0):.1e}"
    return finish(figure, "Bound against Gram step", reading + ".")


def norm_maps(result):
    """Norm of the symbol at every frequency, one small map a layer."""
    maps = {n.split("/")[1]: v for n, v in result.variables.items()
            if n.startswith("norm_map/") and n.endswith("/norm_map") and v.values.ndim >= 1}
    if not maps and "norm_map" in result:
        maps = {str(n): type(v)(v.values[i], v.dims[1:], v.attrs)
                for v in [result["norm_map"]] for i, n in enumerate(result["name"].values)}
    maps = {n: np.asarray(v.values, dtype=float) for n, v in maps.items()}
    maps = {n: m[m.shape[0] // 2] if m.ndim == 3 else m for n, m in maps.items() if m.size > 1}
    if not maps:
        return None
    largest = {n: float(np.nanmax(m)) for n, m in maps.items()}
    shown = sorted(maps, key=largest.get, reverse=True)[:12]
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(9, 2.4 * rows), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for name, axis in zip(shown, axes.flat):
        m = maps[name]
        axis.set_axis_on()
        axis.grid(False)
        if m.ndim == 1:
            axis.plot(m, color=BLUE)
        else:
            image = axis.imshow(m, cmap="viridis", origin="lower", aspect="auto",
                                interpolation="nearest")
            figure.colorbar(image, ax=axis, fraction=0.05, pad=0.02)
        axis.set_title(short(name), fontsize=9)
        axis.set_xticks([])
        axis.set_yticks([])
    name = shown[0]
    where = np.unravel_index(np.nanargmax(maps[name]), maps[name].shape)
    ratio = largest[name] / max(np.nanmin(maps[name]), 1e-300)
    reading = (f"{name} amplifies most at frequency index {tuple(int(i) for i in where)}, by "
               f"{largest[name]:.5g}, {ratio:.3g} times as much as at its weakest frequency.")
    return finish(figure, "Norm of the symbol at each frequency", reading)


def network_bounds(result):
    """Bounds of the whole network beside each other."""
    order = ("lower", "upper_lipsdp", "upper_fused", "upper_product")
    found = {n: float(v.values) for n in result.scalars() for v in [result[n]]
             if (n.startswith("upper") or n.startswith("lower") or n.endswith("_lower"))
             and np.isscalar(v.values.item()) and np.isfinite(float(v.values))}
    names = sorted(found, key=lambda n: (order.index(n) if n in order else 9, found[n]))
    if not names:
        return None
    names = sorted(names, key=found.get)
    figure, axis = plt.subplots(figsize=(9, 0.9 + 0.5 * len(names)))
    rows = np.arange(len(names))
    colours = [GREEN if "lower" in n else BLUE for n in names]
    axis.hlines(rows, min(found.values()) * 0.8, [found[n] for n in names], color=colours, alpha=0.4,
                linewidth=5)
    axis.scatter([found[n] for n in names], rows, color=colours, s=45, zorder=3)
    for row, name in zip(rows, names):
        axis.annotate(f" {found[name]:.5g}", (found[name], row), va="center",
                      xytext=(6, 0), textcoords="offset points")
    axis.set_yticks(rows, names)
    axis.set_xscale("log")
    axis.set_xlim(min(found.values()) * 0.8, max(found.values()) * 3)
    axis.set_ylim(-0.6, len(names) - 0.4)
    axis.set_xlabel("Lipschitz constant in the 2-norm")
    uppers = [found[n] for n in names if "upper" in n]
    lowers = [found[n] for n in names if "lower" in n]
    reading = f"The network's Lipschitz constant is at most {min(uppers):.5g}" if uppers else ""
    if uppers and lowers:
        reading += (f" and at least {max(lowers):.5g}: the best bound is within a factor "
                    f"{min(uppers) / max(lowers):.3g} of the truth")
    if "upper_product" in found and uppers:
        reading += (f", {found['upper_product'] / min(uppers):.3g} times below the plain product "
                    "of layer norms")
    return finish(figure, "Bounds of the whole network", reading + ".")


def trace(result):
    """Bracket after each stage of matrix_norm."""
    along = result.dimension("step")
    pick = {key: next((v for n, v in along.items() if n.endswith(key)), None)
            for key in ("upper", "lower", "method", "products")}
    if pick["upper"] is None or pick["lower"] is None or len(pick["upper"].values) == 0:
        return None
    upper = np.asarray(pick["upper"].values, dtype=float)
    lower = np.asarray(pick["lower"].values, dtype=float)
    steps = np.arange(len(upper))
    best = float(result["lower"].values)
    figure, axis = plt.subplots(figsize=(9, 3.8))
    floor = 1e-17
    axis.plot(steps, np.maximum(upper / best - 1, floor), "-o", color=BLUE, label="upper bound")
    axis.plot(steps, np.maximum(1 - lower / best, floor), "-s", color=ORANGE, label="lower bound")
    axis.set_yscale("log")
    axis.set_ylabel("distance from the final lower bound, relative")
    if pick["method"] is not None:
        labels = [str(m).replace("_", "\n") for m in pick["method"].values]
        stride = max(1, len(labels) // 12)
        axis.set_xticks(steps[::stride], labels[::stride], fontsize=8)
    axis.legend()
    width = (float(result["upper"].values) - best) / best if best else 0
    kind = str(result["certificate"].values)
    products = "" if pick["products"] is None else (
        f" and {int(np.nanmax(np.asarray(pick['products'].values, dtype=float)))} products with the "
        "matrix")
    reading = (f"After {len(steps)} stages{products} the norm is known to {width:.1e}, with a "
               f"{kind} certificate ({result['method'].values}).")
    return finish(figure, "Bracket after each stage", reading)


def figures(result):
    """Those that the file has data for."""
    found = []
    if result.experiment == "network_lipschitz":
        found.append(network_bounds(result))
    if "name" in result and "upper" in result and result["upper"].dims == ("layer",):
        found.append(brackets(result))
    if "schatten" in result:
        found.append(gram_steps(result))
    found.append(norm_maps(result))
    if result.experiment == "matrix_norm":
        found.append(trace(result))
    return [f for f in found if f]
