# SPDX-License-Identifier: BSD-2-Clause
"""Speed and accuracy against peers: results/bench.h5."""
import re

import numpy as np

from .style import BLUE, GREY, ORANGE, RED, finish, plt

EXPERIMENTS = ("bench",)


def answer(result):
    """The result in one sentence."""
    if "ratio" not in result:
        return ""
    ratio, bar = (np.asarray(result[n].values, dtype=float) for n in ("ratio", "bar"))
    barred = bar > 0
    missed = int(np.sum(ratio[barred] < bar[barred]))
    return (f"{len(ratio)} comparisons; {int(barred.sum()) - missed} of {int(barred.sum())} bars "
            "are reached.")


def _speed(names, sizes, peers, ratio, bar, benchmark):
    """One benchmark: how many times faster than each peer."""
    mine = [i for i in np.flatnonzero(names == benchmark) if np.isfinite(ratio[i]) and ratio[i] > 0]
    if not mine:
        return None
    figure, axis = plt.subplots(figsize=(9, 1.0 + 0.24 * len(mine)))
    rows = np.arange(len(mine))[::-1]
    good = np.array([bar[i] <= 0 or ratio[i] >= bar[i] for i in mine])
    colours = [BLUE if g else RED for g in good]
    axis.hlines(rows, 1, ratio[mine], color=colours, alpha=0.35, linewidth=4)
    axis.scatter(ratio[mine], rows, color=colours, s=24, zorder=3, label="measured")
    with_bar = [k for k, i in enumerate(mine) if bar[i] > 0]
    axis.plot([bar[mine[k]] for k in with_bar], rows[with_bar], "|", color=ORANGE, markersize=10,
              markeredgewidth=2, label="bar")
    axis.axvline(1, color=GREY, linewidth=1)
    axis.set_xscale("log")
    axis.set_yticks(rows, [f"{sizes[i]} · {peers[i]}" for i in mine], fontsize=8)
    axis.set_ylim(-0.7, len(mine) - 0.3)
    axis.set_xlabel("time of the peer / time of lathe")
    axis.legend(fontsize=8)
    most = mine[int(np.argmax(ratio[mine]))]
    reading = (f"{benchmark} is between {min(ratio[mine]):.3g} and {ratio[most]:.3g} times as fast "
               f"as its peers (most: {peers[most]}, {sizes[most]})")
    if with_bar:
        reading += f"; {int(np.sum(good[with_bar]))} of {len(with_bar)} bars are reached"
    return finish(figure, f"Speed of {benchmark}", reading + ".")


def _entries(size):
    """Numbers in a problem of the size that a text begins with, 200000x100 or 512; None for others."""
    found = re.match(r"\d+(x\d+)*(?![\d.])", size)
    return float(np.prod([float(n) for n in found[0].split("x")])) if found else None


def _growth(names, sizes, peers, seconds, peer_seconds, benchmark):
    """Time against size, where a benchmark meets one peer at three sizes or more."""
    mine = [i for i in np.flatnonzero(names == benchmark) if _entries(sizes[i])]
    lines = {peer: sorted((_entries(sizes[i]), seconds[i], peer_seconds[i])
                          for i in mine if peers[i] == peer) for peer in dict.fromkeys(peers[mine])}
    lines = {peer: np.array(line).T for peer, line in lines.items()
             if len({x for x, *_ in line}) >= 3}
    if not lines:
        return None
    figure, axis = plt.subplots(figsize=(9, 4.2))
    colours = (ORANGE, RED, GREY)
    for k, (peer, (x, ours, theirs)) in enumerate(lines.items()):
        axis.loglog(x, ours, "o-", color=BLUE, label="lathe" if k == 0 else None)
        axis.loglog(x, theirs, "s--", color=colours[k % 3], label=peer)
    axis.set_xlabel("numbers in the problem")
    axis.set_ylabel("processor time [s]")
    axis.legend(fontsize=8)
    peer, (x, ours, theirs) = next(iter(lines.items()))
    power = [np.polyfit(np.log(x), np.log(t), 1)[0] for t in (ours, theirs)]
    return finish(figure, f"Time of {benchmark} against size",
                  f"Time grows as the number of entries to the power {power[0]:.2f}, that of {peer} "
                  f"to the power {power[1]:.2f}.")


def figures(result):
    if "ratio" not in result:
        return []
    names, sizes, peers = (np.asarray(result[n].values) for n in ("name", "size", "peer"))
    ratio, bar, seconds, peer_seconds = (np.asarray(result[n].values, dtype=float) for n in
                                         ("ratio", "bar", "seconds", "peer_seconds"))
    return [figure for b in dict.fromkeys(names) for figure in
            (_speed(names, sizes, peers, ratio, bar, b),
             _growth(names, sizes, peers, seconds, peer_seconds, b))]
