# SPDX-License-Identifier: BSD-2-Clause
"""How every figure looks: colours (Okabe and Ito, told apart by every kind of sight), axes, and the
SVG with the one sentence that says what it shows."""
import io
import re
from dataclasses import dataclass

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402 - the backend is chosen first

BLUE, ORANGE, GREEN, RED, PURPLE, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#6b7280")
CYCLE = [BLUE, ORANGE, GREEN, RED, PURPLE, "#56B4E9", "#8c6d1f", "#222222"]
CERTIFICATE_COLOUR = {"rigorous": BLUE, "deterministic": GREEN, "probabilistic": ORANGE,
                      "estimate": RED}

plt.rcParams.update({
    "svg.hashsalt": "lathe", "svg.fonttype": "path", "font.size": 10, "axes.grid": True,
    "grid.color": "#e5e7eb", "grid.linewidth": 0.7, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#9ca3af",
    "xtick.color": "#4b5563", "ytick.color": "#4b5563", "axes.labelcolor": "#1f2937",
    "axes.prop_cycle": matplotlib.cycler(color=CYCLE), "legend.frameon": False,
    "figure.constrained_layout.use": True})


@dataclass
class Figure:
    title: str
    reading: str  # one sentence, made from the numbers
    svg: str
    failed: bool = False  # nothing was drawn; the reading says why


def stroke(k):
    """Colour and dashes of the k-th of up to 24 curves: no two alike."""
    return {"color": CYCLE[k % len(CYCLE)], "linestyle": ("-", "--", ":")[k // len(CYCLE) % 3]}


def failure(title, error):
    """What stands in the place of a figure that cannot be drawn."""
    plt.close("all")
    text = " ".join(str(error).split()).rstrip(".")
    return Figure(title, f"This figure cannot be drawn from this file: {type(error).__name__}"
                  + (f": {text}." if text else "."), "", failed=True)


def drawn(result, *makers):
    """The figure of each maker (None: no data for it); one that fails leaves the others alone."""
    found = []
    for maker in makers:
        try:
            found.append(maker(result))
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must come
            found.append(failure(maker.__name__.strip("_").replace("_", " ").capitalize(), error))
    return found


def finish(figure, title, reading):
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    plt.close(figure)
    svg = text.getvalue()
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg[svg.index("<svg"):], flags=re.DOTALL)
    return Figure(title, reading, svg)


def short(name):
    return name if len(name) <= 28 else "…" + name[-27:]
