#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tables of the log-Bessel kernels: gen_bessel_tables.py FOLDER, or --check FOLDER to compare.

debye_tables.h   coefficients of the log-Debye polynomials and of their derivatives (exact rationals,
                 DLMF 10.41.9 and the recurrence of a logarithm)
k0_tables.h      bivariate polynomials for K where that series does not converge (Chebyshev
k1_tables.h      interpolation at 50 digits, rewritten as powers)
gamma_tables.h   the same for the reciprocal gamma functions of I and of K near x = 0
log_table.h      reciprocals and logarithms of the centres of 128 cells
Needs mpmath; about 30 s."""
import pathlib
import struct
import sys
import textwrap
from fractions import Fraction

try:
    import mpmath
    from mpmath import mpf
except ImportError:
    print("mpmath is not installed (python3-mpmath): nothing was computed")
    sys.exit(77)

mpmath.mp.dps = 50
ORDER = 20  # at 22, coefficients of 1e27 and their rounding spoil what the terms gain
HEADER = """// SPDX-License-Identifier: BSD-2-Clause
// Written by gen_bessel_tables.py; change the script, not this file.
#pragma once

namespace lathe::bessel::tables {
// clang-format off
"""
FOOTER = """// clang-format on
} // namespace lathe::bessel::tables
"""


def numbers(values):
    """C++ initialisers in lines that leave room for a backslash."""
    return "\n".join(textwrap.wrap(" ".join(f"{float(v)!r}," for v in values), 97,
                                   initial_indent="    ", subsequent_indent="    ",
                                   break_on_hyphens=False))


# --- log-Debye polynomials -----------------------------------------------------------------------

def product(a, b):
    r = [Fraction(0)] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            r[i + j] += x * y
    return r


def debye_u(count):
    """U_k with u_k(p) = p^k U_k(p^2), k = 0 … count."""
    u = [[Fraction(1)]]
    for _ in range(count):
        last = u[-1]
        r = [Fraction(0)] * (len(last) + 3)
        for i, c in enumerate(last):
            if i:
                r[i + 1] += i * c / 2
                r[i + 3] -= i * c / 2
            r[i + 1] += c / (8 * (i + 1))
            r[i + 3] -= 5 * c / (8 * (i + 3))
        u.append(r)
    return [[p[k + 2 * j] if k + 2 * j < len(p) else Fraction(0) for j in range(k + 1)]
            for k, p in enumerate(u)]


def log_debye(count):
    """D_k: log of sum U_k s^k = sum D_k s^k."""
    u = debye_u(count)
    d = [[Fraction(0)]]
    for k in range(1, count + 1):
        r = list(u[k])
        for j in range(1, k):
            for i, c in enumerate(product(d[j], u[k - j])):
                r[i] -= Fraction(j, k) * c
        d.append(r)
    return d[1:]


def x_step(d):
    """k D_k + 2 q D_k': minus x d/dx of D_k s^k over (1 - q) s^k."""
    return [[(k + 2 * j) * c for j, c in enumerate(row)] for k, row in enumerate(d, 1)]


def v_step(d):
    """2 (1 - q) D_k' - k D_k: v d/dv of D_k s^k over q s^k."""
    rows = []
    for k, row in enumerate(d, 1):
        slope = [2 * (j + 1) * row[j + 1] for j in range(k)] + [Fraction(0)]
        rows.append([slope[j] - (k + 2 * j) * c for j, c in enumerate(row)])
    return rows


def debye_text():
    d = log_debye(ORDER)
    f = x_step(d)
    text = HEADER
    for name, what, rows in (
            ("DebyeD", "D_k(q): log-Debye polynomials", d),
            ("DebyeF", "F_k = k D_k + 2 q D_k': first derivative by x", f),
            ("DebyeG", "G_k = k F_k + 2 q F_k': second derivative by x", x_step(f)),
            ("DebyeH", "H_k = 2 (1 - q) D_k' - k D_k: derivative by v", v_step(d))):
        text += f"// {what}; rows k = 1 … {ORDER}, k + 1 coefficients each.\nstruct {name} {{\n"
        text += "  static constexpr double c[] = {\n" + numbers(c for r in rows for c in r) + "\n  };\n};\n"
    return text + FOOTER


# --- the region inside the ellipse ---------------------------------------------------------------

def nodes(n):
    return [mpmath.cos(mpmath.pi * (i + mpf(1) / 2) / n) for i in range(n)]


def chebyshev(f, n1, n2):
    """Coefficients of the interpolant of f(t, s) on [-1, 1]^2."""
    t1, t2 = nodes(n1), nodes(n2)
    samples = [[f(a, b) for b in t2] for a in t1]
    cos1 = [[mpmath.cos(k * mpmath.acos(t)) for t in t1] for k in range(n1)]
    cos2 = [[mpmath.cos(k * mpmath.acos(t)) for t in t2] for k in range(n2)]
    half = [[mpmath.fdot(row, [samples[i][j] for i in range(n1)]) * 2 / n1 for j in range(n2)]
            for row in cos1]
    c = [[mpmath.fdot(half[k], row) * 2 / n2 for row in cos2] for k in range(n1)]
    for k in range(n1):
        c[k][0] /= 2
    for j in range(n2):
        c[0][j] /= 2
    return c


def powers(c, tolerance):
    """Powers of t (rows) and s, from the Chebyshev terms that are larger than tolerance or whose
    derivative by s is: T_j' reaches j^2."""
    size = max(len(c), len(c[0]), 2)
    basis = [[mpf(1)], [mpf(0), mpf(1)]]
    for _ in range(2, size):
        a = [mpf(0)] + [2 * x for x in basis[-1]]
        for i, x in enumerate(basis[-2]):
            a[i] -= x
        basis.append(a)
    rows = [[] for _ in c]
    for k, line in enumerate(c):
        for j, value in enumerate(line):
            if abs(value) * max(1, j * j) <= tolerance:
                continue
            for a, x in enumerate(basis[k]):
                if x:
                    for b, y in enumerate(basis[j]):
                        if y:
                            rows[a] += [mpf(0)] * (b + 1 - len(rows[a]))
                            rows[a][b] += value * x * y
    while not rows[-1]:
        rows.pop()
    return rows


def bivariate(name, what, rows):
    starts = [0]
    for r in rows:
        starts.append(starts[-1] + len(r))
    text = f"// {what}\nstruct {name} {{\n  static constexpr int rows = {len(rows)};\n"
    text += "  static constexpr short row[] = {\n"
    text += "\n".join("    " + " ".join(f"{i}," for i in starts[k:k + 12])
                      for k in range(0, len(starts), 12))
    return (text + "\n  };\n  static constexpr double c[] = {\n"
            + numbers(x for r in rows for x in r) + "\n  };\n};\n")


def univariate(name, what, c):
    return (f"// {what}\nstruct {name} {{\n  static constexpr double c[] = {{\n{numbers(c)}\n  }};\n"
            "};\n")


PATCHES = ((0.5, 1.0), (1.0, 2.0), (2.0, 5.0), (5.0, 30.5))


def scaled_k(order, x):
    """Q of K_a(x) e^x sqrt(2 x / pi) = 1 + (a^2 - 1/4) Q / x."""
    f = mpmath.besselk(order, x) * mpmath.exp(x) * mpmath.sqrt(2 * x / mpmath.pi)
    return (f - 1) * x / (order * order - mpf(1) / 4)


def reciprocal_gammas(mu, y, shift):
    """sum y^k / (k! Gamma(k + 1 + shift + mu))."""
    return mpmath.fsum(y ** k / mpmath.factorial(k) * mpmath.rgamma(k + 1 + shift + mu)
                       for k in range(25))


def small_x(parity, shift, constant=0):
    """Even (1) or odd (-1) part in mu of reciprocal_gammas, the odd one divided by mu, less a
    constant; t = 2 y / SMALL_Y - 1, s = 8 mu^2 - 1."""
    def f(t, s):
        mu, y = mpmath.sqrt((1 + s) / 8), (1 + t) * SMALL_Y / 2
        total = reciprocal_gammas(mu, y, shift) + parity * reciprocal_gammas(-mu, y, shift)
        return (total / 2 if parity > 0 else total / (2 * mu)) - constant
    return f


SMALL_Y = mpf(1) / 16  # x = 0.5: y = x^2/4


TOLERANCE = mpf("1e-17")


def k_text(base):
    """base: K_mu; else K_(1+mu), of which a header includes the one of K_mu."""
    text = HEADER
    for p, (low, high) in enumerate(PATCHES):
        centre = (1 / mpf(low) + 1 / mpf(high)) / 2
        radius = (1 / mpf(low) - 1 / mpf(high)) / 2
        centre, radius = mpf(float(centre)), 1 / mpf(float(1 / radius))
        where = f"{low} <= x <= {high}, t = (1/x - centre) * scale"
        if base:
            q = chebyshev(lambda t, s: scaled_k(mpmath.sqrt((1 + s) / 8),
                                                1 / (centre + radius * t)), 36, 12)
            text += bivariate(f"K0Patch{p}", f"K_mu: {where}, s = 8 mu^2 - 1", powers(q, TOLERANCE))
            continue
        q = chebyshev(lambda t, s: scaled_k(1 + s / 2, 1 / (centre + radius * t)), 36, 17)
        text += bivariate(f"K1Patch{p}", f"K_(1+mu): {where}, s = 2 mu", powers(q, TOLERANCE))
        text += f"struct Patch{p} {{\n  using K0 = K0Patch{p};\n  using K1 = K1Patch{p};\n"
        text += f"  static constexpr double centre = {float(centre)!r}, "
        text += f"scale = {float(1 / radius)!r};\n}};\n"
    text += FOOTER
    return text if base else text.replace("#pragma once", '#pragma once\n#include "bessel/tables/k0_tables.h"')


def gamma_text(tolerance=TOLERANCE):
    text = HEADER
    for name, what, parity, shift, constant in (
            ("SmallE", "even part of sum y^k / (k! Gamma(k + 1 + mu)), less 1", 1, 0, 1),
            ("SmallO", "odd part of the same over mu, less 0.55859375", -1, 0, mpf(0.55859375)),
            ("SmallEy", "d/dy of SmallE", 1, 1, 0), ("SmallOy", "d/dy of SmallO", -1, 1, 0)):
        rows = powers(chebyshev(small_x(parity, shift, constant), 10, 12), tolerance)
        text += bivariate(name, what + "\n// x <= 0.5, t = 2 y / y_max - 1, s = 8 mu^2 - 1", rows)
    rgamma = chebyshev(lambda t, _: 2 * (mpmath.rgamma(1 + t / 2) - 1) / t, 24, 1)
    text += univariate("ReciprocalGamma", "(1 / Gamma(1 + f) - 1) / f, t = 2 f, |t| <= 1",
                       [r[0] for r in powers(rgamma, tolerance / 400)])
    sine = chebyshev(lambda t, _: mpmath.pi * mpmath.sqrt((1 + t) / 8)
                     / mpmath.sin(mpmath.pi * mpmath.sqrt((1 + t) / 8)) - 1, 24, 1)
    text += univariate("MuOverSine", "pi mu / sin(pi mu) - 1, s = 8 mu^2 - 1",
                       [r[0] for r in powers(sine, tolerance / 400)])
    return text + FOOTER


# --- logarithm -----------------------------------------------------------------------------------

def log_text():
    """Cells of width 2^-7 (2^-8 below one) that start at 0.6875; those next to one have centre 1."""
    columns = [[], [], []]
    for i in range(128):
        low, high = (struct.unpack("<d", struct.pack("<Q", 0x3fe6000000000000 + (j << 45)))[0]
                     for j in (i, i + 1))
        centre = (mpf(low) + mpf(high)) / 2
        reciprocal = 1.0 if abs(float(centre) - 1) < 1 / 128 else float(1 / centre)
        log = -mpmath.log(mpf(reciprocal))
        columns[0].append(reciprocal)
        columns[1].append(float(log))
        columns[2].append(log - mpf(float(log)))
    text = HEADER + "// 128 reciprocals 1/c, then log c, then what log c lost to rounding.\n"
    text += "#define LATHE_BESSEL_LOG_TABLE \\\n"
    lines = numbers(c for column in columns for c in column).splitlines()
    return text + " \\\n".join(lines).rstrip(",") + "\n" + FOOTER


FILES = {"debye_tables.h": debye_text, "k0_tables.h": lambda: k_text(True),
         "k1_tables.h": lambda: k_text(False), "gamma_tables.h": gamma_text, "log_table.h": log_text}


def main():
    check = sys.argv[1] == "--check"
    folder = pathlib.Path(sys.argv[-1])
    different = []
    for name, make in FILES.items():
        text = make()
        if not check:
            (folder / name).write_text(text)
        elif (folder / name).read_text() != text:
            different.append(name)
    if different:
        sys.exit("not what gen_bessel_tables.py writes: " + ", ".join(different))


if __name__ == "__main__":
    main()
