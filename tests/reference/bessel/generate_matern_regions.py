#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write matern_regions.csv: Matérn correlations where algorithms/bessel/matern.cpp changes its method,
near integer smoothness and at the ends of the range. Definition and K_ν of mpmath with as many
digits as 1 - M loses, 34 digits kept: generate_matern_regions.py > matern_regions.csv (1 minute)."""
import random

import mpmath as mp


def correlation(nu, z):
    return mp.power(2, 1 - nu) * mp.rgamma(nu) * mp.power(z, nu) * mp.besselk(nu, z)


def points():
    random.seed(20)
    for _ in range(150):  # everywhere
        yield 10**random.uniform(-1.5, 1.7), 10**random.uniform(-2, 1.7)
    for _ in range(100):  # integers, half-integers and their neighbours
        n = random.choice([0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 8, 12, 20, 20.5, 21])
        near = n + random.choice([0, 4e-16 * n, -1e-10, 1e-8, 1e-5, -1e-3, 0.01, -0.02])
        yield float(near), 10**random.uniform(-3, 1.5)
    for _ in range(80):  # the end of the series
        nu = 1 + 10**random.uniform(-1, 2.3)
        yield nu, 2 * (0.4 * (nu - 1) * random.uniform(0.9, 1.1))**0.5
        yield random.uniform(0.01, 3), random.uniform(0.7, 0.8)
    for _ in range(60):  # tiny distance
        yield 10**random.uniform(-3, 1.3), 10**random.uniform(-149, -3)
    for w in (3, 8, 20, 56, 110):  # steps of the integral
        for _ in range(10):
            nu = w * random.uniform(0.001, 0.99)
            yield nu, (w * w - nu * nu)**0.5 * random.uniform(0.97, 1.03)
    for _ in range(30):  # large order
        nu = 10**random.uniform(1.7, 2.8)
        yield nu, nu**0.5 * 10**random.uniform(-1, 0.7)


def main():
    print("nu,z,M,one_minus_M,log_M,dM_dnu,dM_dz")
    for nu, z in points():
        n, x = mp.mpf(nu), mp.mpf(z)
        lost = 20 + int(max(0, -2 * min(nu, 2) * mp.log10(x)))
        with mp.workdps(60 + lost):
            m = correlation(n, x)
            c = 1 - m
            log_m = mp.log1p(-c)
            dz = -mp.power(2, 1 - n) * mp.rgamma(n) * mp.power(x, n) * mp.besselk(n - 1, x)
        with mp.workdps(150 + 2 * lost):
            h = mp.power(10, -40 - lost // 2)
            dnu = (correlation(n + h, x) - correlation(n - h, x)) / (2 * h)
        print(nu.hex(), z.hex(), *(mp.nstr(v, 34) for v in (m, c, log_m, dnu, dz)), sep=",")


if __name__ == "__main__":
    main()
