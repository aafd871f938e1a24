# SPDX-License-Identifier: BSD-2-Clause
"""Figures and answers by experiment. A module names its EXPERIMENTS and offers answer(result), one
sentence, and figures(result), a list of Figure (None: no data for it); a new one is a line here."""
import numpy as np

from . import bench, bessel, least_squares, lipschitz, lp, matern, sketching, trace, vmf

from .style import failure

MODULES = (bench, bessel, least_squares, lipschitz, lp, matern, sketching, trace, vmf)


def _module(result):
    return next((m for m in MODULES if result.experiment in m.EXPERIMENTS), None)


def _nothing_finished(result):
    status = result.variables.get("status")
    return status is not None and not (np.asarray(status.values) == 0).any()


def answer(result):
    """The result in one sentence; empty when there is none."""
    module = _module(result)
    if _nothing_finished(result):
        return "No case finished."
    return module.answer(result) if module else ""


def figures(result):
    """All figures that the file has data for; one that cannot be drawn says why (`failed`)."""
    module = _module(result)
    if not module or _nothing_finished(result):
        return []
    try:
        return [figure for figure in module.figures(result) if figure]
    except Exception as error:  # noqa: BLE001 - whatever it is, the page must come
        return [failure("Figures", error)]
