#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write matern.h: nodes of the trapezoidal rule, coefficients of 1/Gamma(1 + a). Needs mpmath
(Debian: python3-mpmath): generate_matern.py > matern.h"""
import mpmath as mp

mp.mp.dps = 60
# (1/h, largest w, nodes to the right and to the left): the rule errs by less than 1e-17 up to that
# w; nodes end where terms are below 1e-16 of the sum at the smallest w of the level.
LEVELS = [(5, 3, 32, 32), (6, 8, 24, 40), (8, 20, 24, 40), (12, 56, 24, 32), (16, 110, 24, 24)]


def rows(values, per_line=4):
    text = [float(v).hex() for v in values]
    lines = [", ".join(text[i:i + per_line]) for i in range(0, len(text), per_line)]
    return ",\n    ".join(lines)


def array(name, comment, values):
    return f"/// {comment}\ninline constexpr double {name}[{len(values)}] = {{\n    {rows(values)}}};\n"


def main():
    cosh, growth, decay, layout = [], [], [], []
    for inverse, w, right, left in LEVELS:
        layout.append(f"{{1.0 / {inverse}, {w}, {len(cosh)}, {right}, {left}}}")
        for j in [*range(right), *(-k for k in range(1, left + 1))]:
            s = mp.mpf(j) / inverse
            cosh.append(mp.cosh(s) - 1)
            growth.append(mp.expm1(s) - s)
            decay.append(mp.exp(-s))
    print("// SPDX-License-Identifier: BSD-2-Clause\n// Written by generate_matern.py.\n#pragma once\n")
    print("// clang-format off\nnamespace lathe::bessel::matern_table {\n")
    print("/// Nodes j·step, j = 0 … right−1, then −1 … −left, from `first`; for w below `limit`.")
    print("struct Level {\n  double step, limit;\n  int first, right, left;\n};")
    print(f"inline constexpr Level levels[{len(LEVELS)}] = {{\n    " + ",\n    ".join(layout) + "};\n")
    print(array("cosh_minus_1", "cosh s − 1.", cosh))
    print(array("growth", "e^s − 1 − s.", growth))
    print(array("decay", "e^(−s).", decay))
    taylor = mp.taylor(lambda a: mp.rgamma(1 + a), 0, 27)
    print(array("reciprocal_gamma", "1/Γ(1 + a) = Σ c_k a^k.", taylor))
    print("} // namespace lathe::bessel::matern_table")


if __name__ == "__main__":
    main()
