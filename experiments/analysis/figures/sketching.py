# SPDX-License-Identifier: BSD-2-Clause
"""Sketches: singular values over many draws, coordinates of sketched least squares."""
import numpy as np

from .style import CYCLE, GREY, drawn, finish, plt, stroke

EXPERIMENTS = ("sketch_quality",)
DENSE = ("gaussian", "rademacher", "srht", "srct_cosine", "srct_circulant")


def _done(result):
    return np.flatnonzero(np.asarray(result["status"].values) == 0)


def _texts(result, name):
    return np.asarray(result[name].values).astype(str)


def _cases(result):
    """Indices of the cases that ended, and kind, input and rows over columns of every case."""
    return (_done(result), _texts(result, "kind"), _texts(result, "input"),
            np.asarray(result["factor"].values))


def answer(result):
    """The result in one sentence."""
    if "smallest" not in result:
        return ""
    done = _done(result)
    if not done.size:
        return ""
    smallest = np.asarray(result["smallest"].values, dtype=float)
    kind, given = _texts(result, "kind"), _texts(result, "input")
    lost = sorted({f"{kind[i]} on {given[i]} subspaces" for i in done if smallest[i] < 1e-6})
    best = done[int(np.argmax(smallest[done]))]
    text = (f"{done.size} cases; the best keeps norms down to {smallest[best]:.2f} of them "
            f"({kind[best]}, {int(result['d'].values[best])} rows)")
    return text + ("; directions are lost by " + ", ".join(lost) + "." if lost else ".")


def singular_values(result):
    """Range of the singular values of S Q for each kind and number of rows."""
    if "smallest" not in result:
        return None
    done, kind, given, factor = _cases(result)
    low, high = (np.asarray(result[n].values, dtype=float) for n in ("smallest", "largest"))
    inputs, factors = list(dict.fromkeys(given[done])), sorted(set(factor[done]))
    kinds = list(dict.fromkeys(kind[done]))
    figure, axes = plt.subplots(1, len(inputs), figsize=(4.6 * len(inputs) + 0.4,
                                                         0.9 + 0.5 * len(kinds)),
                                sharey=True, squeeze=False)
    for axis, name in zip(axes[0], inputs):
        for i in done[given[done] == name]:
            shift = (factors.index(factor[i]) - (len(factors) - 1) / 2) * 0.22
            y = len(kinds) - 1 - kinds.index(kind[i]) - shift
            colour = CYCLE[factors.index(factor[i]) % len(CYCLE)]
            axis.plot([low[i], high[i]], [y, y], color=colour, linewidth=3, solid_capstyle="butt")
            axis.plot([low[i], high[i]], [y, y], "|", color=colour, markersize=8)
        axis.axvline(1, color=GREY, linewidth=1)
        axis.set_title(f"{name} subspaces", fontsize=10)
        axis.set_xlabel("singular values of S Q")
    axes[0][0].set_yticks(range(len(kinds)), kinds[::-1])
    for k, f in enumerate(factors):
        axes[0][-1].plot([], [], color=CYCLE[k % len(CYCLE)], linewidth=3, label=f"d = {f} n")
    axes[0][-1].legend(fontsize=8)
    draws = np.asarray(result["smallest_by_draw"].values).shape[-1]
    worst = done[int(np.argmin(low[done]))]
    reading = (f"Over {draws} draws the singular values reach from {low[done].min():.2f} "
               f"({kind[worst]}, {given[worst]}) to {high[done].max():.2f}; 0 means that a sketch "
               "loses a direction.")
    return finish(figure, "Norms that sketches keep", reading)


def spectra(result):
    """Singular values of A R^-1, R from a sketch of A: what iterations on A R^-1 meet."""
    if "spectrum" not in result:
        return None
    done, kind, given, factor = _cases(result)
    with np.errstate(divide="ignore"):
        values = 1 / np.asarray(result["spectrum"].values, dtype=float)
    inputs, most = list(dict.fromkeys(given[done])), factor[done].max()
    figure, axes = plt.subplots(1, len(inputs), figsize=(4.6 * len(inputs) + 0.4, 3.6), sharey=True,
                                squeeze=False)
    condition = {}
    for axis, name in zip(axes[0], inputs):
        mine = [i for i in done if given[i] == name and factor[i] == most]
        for k, i in enumerate(mine):
            kept = np.sort(values[i][values[i] < 1e6])  # the others are lost directions
            axis.semilogy(kept, label=kind[i], **stroke(k))
            condition[kind[i], name] = values[i].max() / values[i].min()
        axis.axhline(1, color=GREY, linewidth=1, linestyle=":")
        axis.set_title(f"{name} subspaces", fontsize=10)
        axis.set_xlabel("direction")
    axes[0][0].set_ylabel("singular values of A R⁻¹")
    axes[0][-1].legend(fontsize=7)
    kind_best, kind_worst = min(condition, key=condition.get), max(condition, key=condition.get)
    worst = condition[kind_worst]
    return finish(figure, f"Preconditioned spectra, {most} n rows",
                  f"Whatever the condition of A, that of A R⁻¹ lies between "
                  f"{condition[kind_best]:.1f} ({kind_best[0]}, {kind_best[1]}) and "
                  + (f"{worst:.1f}" if worst < 1e6 else "infinity, a lost direction,")
                  + f" ({kind_worst[0]}, {kind_worst[1]}).")


def distortion(result):
    """Histograms of the distortion max(1 - smallest, largest - 1) over the draws."""
    if "smallest_by_draw" not in result:
        return None
    done, kind, given, factor = _cases(result)
    low, high = (np.asarray(result[f"{n}_by_draw"].values, dtype=float)
                 for n in ("smallest", "largest"))
    most = factor[done].max()
    inputs = list(dict.fromkeys(given[done]))
    figure, axes = plt.subplots(1, len(inputs), figsize=(4.6 * len(inputs) + 0.4, 3.6), sharey=True,
                                squeeze=False)
    worst = (0.0, "", "")
    for axis, name in zip(axes[0], inputs):
        mine = [i for i in done if given[i] == name and factor[i] == most]
        spread = {i: np.maximum(1 - low[i], high[i] - 1) for i in mine}
        edges = np.linspace(0, max(1.0, *(x.max() for x in spread.values())), 41)
        for k, (i, x) in enumerate(spread.items()):
            axis.hist(x, bins=edges, histtype="step", label=kind[i], **stroke(k))
            worst = max(worst, (float(x.max()), kind[i], name))
        axis.axvline(1, color=GREY, linewidth=1, linestyle=":")
        axis.set_title(f"{name} subspaces", fontsize=10)
        axis.set_xlabel("distortion")
    axes[0][0].set_ylabel("draws")
    axes[0][-1].legend(fontsize=7)
    return finish(figure, "Distortion over the draws",
                  f"At d = {most} n the largest distortion of any draw is {worst[0]:.2f} "
                  f"({worst[1]}, {worst[2]}); at 1 a sketch may lose a direction.")


def coordinates(result):
    """Largest coordinate error of sketched least squares: distribution over the draws."""
    if "coordinate_by_draw" not in result:
        return None
    done, kind, given, factor = _cases(result)
    values = np.asarray(result["coordinate_by_draw"].values, dtype=float)
    values = np.where(np.isnan(values), np.inf, values)  # of a lost direction; none is drawn
    name = "coherent" if "coherent" in given[done] else given[done][0]
    most = factor[done].max()
    mine = [i for i in done if given[i] == name and factor[i] == most]
    figure, axis = plt.subplots(figsize=(7, 4))
    for k, i in enumerate(mine):
        x = np.sort(values[i])
        axis.step(x, (np.arange(x.size) + 1) / x.size, where="post", label=kind[i],
                  **stroke(k))
    axis.set_xscale("symlog", linthresh=1)
    axis.set_xlabel("sqrt(d) max |x' - x| / |b|")
    axis.set_ylabel("share of the draws")
    axis.legend(fontsize=8)
    worst = mine[int(np.argmax([values[i].max() for i in mine]))]
    largest = values[worst].max()
    dense = [i for i in mine if kind[i] in DENSE] or mine
    medians = [np.median(values[i]) for i in dense]
    n = round(result["d"].values[worst] / most)
    reading = (f"At d = {most} n on {name} subspaces the largest coordinate error of any draw is "
               + (f"{largest:.1f}" if np.isfinite(largest) else "infinite, of a lost direction")
               + f" ({kind[worst]}); medians of {'dense' if dense != mine else 'all'} sketches lie "
               f"between {min(medians):.2f} and {max(medians):.2f}, beside sqrt(2 log n) = "
               f"{np.sqrt(2 * np.log(n)):.2f}.")
    return finish(figure, "Coordinates of sketched least squares", reading)


def figures(result):
    return drawn(result, singular_values, spectra, distortion, coordinates)
