# SPDX-License-Identifier: BSD-2-Clause
"""Figures and answers by experiment. A module names its EXPERIMENTS and offers answer(result), one
sentence, and figures(result), a list of Figure (None: no data for it); a new one is a line here."""
from . import bench, bessel, least_squares, lipschitz, lp, matern, sketching, trace, vmf

MODULES = (bench, bessel, least_squares, lipschitz, lp, matern, sketching, trace, vmf)


def _module(result):
    return next((m for m in MODULES if result.experiment in m.EXPERIMENTS), None)


def answer(result):
    """The result in one sentence; empty when there is none."""
    module = _module(result)
    return module.answer(result) if module else ""


def figures(result):
    """All figures that the file has data for."""
    module = _module(result)
    return [figure for figure in (module.figures(result) if module else []) if figure]
