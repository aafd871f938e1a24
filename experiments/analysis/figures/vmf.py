# SPDX-License-Identifier: BSD-2-Clause
"""von Mises-Fisher fits: concentrations with their errors, EM traces, components against classes."""
import numpy as np

from .style import BLUE, CYCLE, GREY, ORANGE, drawn, finish, plt, short

EXPERIMENTS = ("vmf_fit",)


def _values(result, name):
    return np.atleast_1d(np.asarray(result[name].values, dtype=float))


def answer(result):
    if "deviation" in result:
        deviation = np.abs(_values(result, "deviation"))
        mle = np.abs(_values(result, "kappa_mle") - _values(result, "kappa_true"))
        mle /= _values(result, "kappa_std_error")
        return (f"In {deviation.size} generated cases of up to {int(_values(result, 'dim').max())} "
                f"dimensions κ lies within {np.nanmax(deviation):.1f} standard errors of the truth; "
                f"maximum likelihood is up to {np.nanmax(mle):.1f} standard errors off.")
    if "weight" in result:
        kappa = _values(result, "kappa")
        text = (f"{np.sum(_values(result, 'weight') > 0)} components with κ from "
                f"{np.nanmin(kappa):.4g} to {np.nanmax(kappa):.4g}, log-likelihood "
                f"{float(result['log_likelihood'].values):.6g}")
        if "adjusted_rand_index" in result:
            text += (", adjusted Rand index against the classes "
                     f"{float(result['adjusted_rand_index'].values):.3f}")
        return text + "."
    if "kappa" in result:
        return (f"κ = {float(result['kappa'].values):.6g} ± "
                f"{float(result['kappa_std_error'].values):.2g} from "
                f"{int(result['rows'].values)} rows.")
    return ""


def against_truth(result):
    """Relative error of κ, corrected and by maximum likelihood, for each dimension."""
    if "deviation" not in result:
        return None
    dim, truth = _values(result, "dim"), _values(result, "kappa_true")
    error = _values(result, "kappa_std_error")
    kinds = (("kappa_corrected", "o", "corrected"), ("kappa_mle", "x", "maximum likelihood"))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
    for index, d in enumerate(np.unique(dim)):
        mine = np.flatnonzero((dim == d) & (truth > 0))
        shift = 1 + 0.12 * (index - (np.unique(dim).size - 1) / 2)
        for name, marker, _ in kinds:
            kappa = _values(result, name)
            x = truth[mine] / d * shift
            style = {"color": CYCLE[index % len(CYCLE)], "marker": marker, "linestyle": "none",
                     "markersize": 5}
            left.errorbar(x, kappa[mine] / truth[mine] - 1, error[mine] / truth[mine], capsize=2,
                          linewidth=1, **style)
            right.plot(x, (kappa[mine] - truth[mine]) / error[mine], **style)
        right.plot([], [], "s", color=CYCLE[index % len(CYCLE)], label=f"p = {int(d)}")
    for _, marker, label in kinds:
        right.plot([], [], marker, color=GREY, label=label)
    for axis in (left, right):
        axis.set_xscale("log")
        axis.axhline(0, color=GREY, linewidth=0.8)
        axis.set_xlabel("true κ / p")
    right.axhspan(-2, 2, color=GREY, alpha=0.12)
    right.set_yscale("symlog", linthresh=3)
    left.set_ylabel("κ / true κ − 1, with standard error")
    right.set_ylabel("(κ − true κ) / standard error")
    right.legend(fontsize=8)
    corrected = np.abs(_values(result, "kappa_corrected") - truth) / error
    mle = np.abs(_values(result, "kappa_mle") - truth) / error
    return finish(figure, "Fitted κ against the truth",
                  f"{np.sum(corrected <= 2)} of {corrected.size} corrected estimates lie within two "
                  f"standard errors of the truth (worst {np.nanmax(corrected):.1f}); the maximum-"
                  f"likelihood estimates are up to {np.nanmax(mle):.1f} standard errors too large.")


def concentrations(result):
    """κ with its standard error for every class or component."""
    prefix, names, what = None, [], ""
    if "class_kappa" in result:
        prefix, what = "class_", "class"
        names = [short(str(n)) for n in result["name"].values]
    elif "weight" in result:
        prefix, what = "", "component"
        names = [f"{k} ({w:.0%})" for k, w in enumerate(_values(result, "weight"))]
    if prefix is None:
        return None
    kappa, error = _values(result, prefix + "kappa"), _values(result, prefix + "kappa_std_error")
    mle = _values(result, prefix + "kappa_mle")
    rows = np.arange(len(kappa))[::-1]
    figure, axis = plt.subplots(figsize=(9, 1.2 + 0.28 * len(kappa)))
    axis.errorbar(kappa, rows, xerr=np.where(np.isfinite(error), error, 0), fmt="o", color=BLUE,
                  capsize=3, markersize=5, label="κ with standard error")
    axis.plot(mle, rows, "x", color=ORANGE, markersize=6, label="maximum likelihood")
    axis.set_yticks(rows, names)
    axis.set_ylabel(what)
    axis.set_xlabel("concentration κ")
    axis.legend(fontsize=9)
    low, high = int(np.nanargmin(kappa)), int(np.nanargmax(kappa))
    return finish(figure, f"Concentration of every {what}",
                  f"{what.capitalize()} {names[high]} is tightest (κ = {kappa[high]:.4g} ± "
                  f"{error[high]:.2g}), {what} {names[low]} widest ({kappa[low]:.4g} ± "
                  f"{error[low]:.2g}).")


def traces(result):
    """Log-likelihood of every start, below the best that was reached."""
    if "trace_log_likelihood" not in result:
        return None
    trace = np.atleast_2d(np.asarray(result["trace_log_likelihood"].values, dtype=float))
    final = _values(result, "start_log_likelihood")
    best = np.nanmax(trace)
    figure, axis = plt.subplots(figsize=(9, 3.8))
    floor = max(1e-9 * abs(best), 1e-12)
    for start, values in enumerate(trace):
        axis.plot(np.arange(values.size), np.maximum(best - values, floor), "-o", markersize=3,
                  color=CYCLE[start % len(CYCLE)], label=f"start {start}" if len(trace) <= 10 else None)
    axis.set_yscale("log")
    axis.set_xlabel("step of expectation maximisation")
    axis.set_ylabel("highest log-likelihood − log-likelihood [nat]")
    axis.legend(fontsize=8)
    rise = np.array([np.nanmin(np.diff(v[np.isfinite(v)]), initial=0) for v in trace])
    fall = "never falls" if rise.min() >= -1e-9 * abs(best) else "falls"
    return finish(figure, "Trace of the log-likelihood",
                  f"The log-likelihood {fall} from step to step; the {len(final)} starts end between "
                  f"{np.nanmin(final):.6g} and {np.nanmax(final):.6g}.")


def contingency(result):
    """Rows of each class in each component."""
    if "contingency" not in result:
        return None
    table = np.asarray(result["contingency"].values, dtype=float)
    figure, axis = plt.subplots(figsize=(9, 1.5 + 0.28 * len(table)))
    axis.grid(False)
    axis.imshow(table, cmap="Blues", aspect="auto")
    for (i, j), count in np.ndenumerate(table):
        if count:
            axis.text(j, i, int(count), ha="center", va="center", fontsize=8,
                      color="white" if count > 0.6 * table.max() else "black")
    axis.set_xticks(range(table.shape[1]), [str(c) for c in result["class"].values])
    axis.set_yticks(range(table.shape[0]))
    axis.set_xlabel("class")
    axis.set_ylabel("component")
    main = table.max(axis=1).sum() / table.sum()
    return finish(figure, "Components against classes",
                  f"{main:.1%} of the rows belong to the main class of their component; adjusted "
                  f"Rand index {float(result['adjusted_rand_index'].values):.3f}.")


def figures(result):
    return drawn(result, against_truth, concentrations, traces, contingency)
