# SPDX-License-Identifier: BSD-2-Clause
"""lp_regression as a user runs it: against linear programs of SciPy, equal bytes, refusals."""
import gzip

import h5py
import numpy as np
from drivers import DATA, LP_REGRESSION, DriverTest, main

try:
    from scipy.optimize import linprog
except ImportError:  # a peer only
    linprog = None


def least_sum(a, b):
    """min |Ax - b|_1 as a linear program in x and the bounds of the residuals."""
    m, n = a.shape
    cost = np.r_[np.zeros(n), np.ones(m)]
    rows = np.block([[a, -np.eye(m)], [-a, -np.eye(m)]])
    return linprog(cost, A_ub=rows, b_ub=np.r_[b, -b], bounds=(None, None), method="highs").fun


def least_largest(a, b):
    m, n = a.shape
    rows = np.block([[a, -np.ones((m, 1))], [-a, -np.ones((m, 1))]])
    return linprog(np.r_[np.zeros(n), 1], A_ub=rows, b_ub=np.r_[b, -b], bounds=(None, None),
                   method="highs").fun


class LpRegression(DriverTest):
    def solve(self, np_, *options, out="out.h5", code=0):
        done = self.run_driver(np_, *options, "-o", out, driver=LP_REGRESSION, code=code)
        if code != 0:
            return done
        with h5py.File(self.folder / out) as file:
            return {n: d[()] for n, d in file.items() if isinstance(d, h5py.Dataset)}

    def problem(self, m=120, n=6):
        rng = np.random.default_rng(11)
        a = rng.normal(size=(m, n))
        b = a.sum(axis=1) + rng.standard_t(2, size=m)
        with h5py.File(self.folder / "p.h5", "w") as file:
            file["A"], file["b"] = a, b
        return a, b

    def test_objectives(self):
        a, b = self.problem()
        for options, norm in ((["-p", "1"], 1), (["-p", "1.5"], 1.5), (["-p", "2"], 2),
                              (["-p", "6"], 6), (["-minimax"], np.inf)):
            got = self.solve(2, "-mat", "p.h5:/A", "-rhs", "p.h5:/b", *options)
            x, objective = got["solution"], float(got["objective"])
            self.assertEqual(x.shape, (6,))
            residual = np.abs(a @ x - b)
            np.testing.assert_allclose(np.linalg.norm(residual, norm), objective, rtol=1e-12)
            self.assertLessEqual(objective - float(got["lower_bound"]), 1e-12 * objective)
            self.assertEqual(int(got["rank"]), 6)
            np.testing.assert_array_equal(got["unknown"], np.arange(6))
            np.testing.assert_allclose(got["quantile"], np.linspace(0, 1, 101))
            np.testing.assert_allclose(got["residual_quantile"][[0, 100]],
                                       [residual.min(), residual.max()], rtol=1e-9, atol=1e-13)
            if norm == 2:
                truth = np.linalg.lstsq(a, b, rcond=None)[0]
                np.testing.assert_allclose(x, truth, rtol=1e-7)
            if linprog and norm in (1, np.inf):
                peer = least_sum(a, b) if norm == 1 else least_largest(a, b)
                np.testing.assert_allclose(objective, peer, rtol=1e-9)

    def test_labels_of_digits_by_a_polynomial(self):
        with gzip.open(DATA / "digits_features.mtx.gz", "rt") as file:
            pixels = np.array(file.read().split()[-1797 * 64:], dtype=float).reshape(64, 1797).T
        with h5py.File(DATA / "digits_labels.h5") as file:
            b = file["is_3"][()].astype(float)
        x, y = pixels[:, 20], pixels[:, 43]
        design = np.c_[np.ones_like(x), x, y, x * x, x * y, y * y]
        got = self.solve(2, "-mat", DATA / "digits_features.mtx.gz", "-rhs",
                         f"{DATA}/digits_labels.h5:/is_3", "-design", "polynomial", "-features",
                         "20,43", "-p", "1.5")
        self.assertEqual(got["solution"].shape, (6,))
        objective = np.linalg.norm(design @ got["solution"] - b, 1.5)
        np.testing.assert_allclose(objective, float(got["objective"]), rtol=1e-12)
        self.assertLessEqual(objective - float(got["lower_bound"]), 1e-12 * objective)

    def test_outliers_do_not_move_the_median_line(self):
        got = self.solve(2, "-rows", "3000", "-cols", "5", "-outliers", "0.2", "-p", "1")
        np.testing.assert_allclose(got["solution"], 1, atol=0.15)  # least squares is off by 10

    def test_equal_bytes_on_any_number_of_ranks(self):
        for p in (["-p", "1"], ["-p", "3"], ["-minimax"]):
            files = []
            for ranks in (1, 2, 3, 4):
                self.solve(ranks, "-rows", "1500", "-cols", "4", *p, "-output_reproducible",
                           out=f"np{ranks}.h5")
                files.append(self.bytes(f"np{ranks}.h5"))
            self.assertTrue(all(f == files[0] for f in files), p)

    def test_stopped_and_not_converged_differ(self):
        done = self.solve(2, "-rows", "60000", "-cols", "40", "-max_walltime", "0.3", code=4)
        self.assertIn("interrupted by -max_walltime", done.err)
        self.assertNotIn("not converged", done.err)
        with h5py.File(self.folder / "out.h5") as file:
            self.assertEqual(int(file["converged"][()]), file["converged"].attrs["_FillValue"])
        done = self.solve(2, "-rows", "500", "-minimax", "-max_steps", "2", code=3)
        self.assertIn("raise -max_steps", done.err)

    def test_column_of_another_scale(self):
        a, b = self.problem()
        plain = self.solve(1, "-mat", "p.h5:/A", "-rhs", "p.h5:/b", "-p", "1")
        with h5py.File(self.folder / "p.h5", "w") as file:
            file["A"], file["b"] = a * np.array([2.0**-996, 1, 1, 1, 1, 2.0**664]), b
        got = self.solve(2, "-mat", "p.h5:/A", "-rhs", "p.h5:/b", "-p", "1")
        self.assertEqual(int(got["rank"]), 6)
        for name in "objective", "lower_bound":
            self.assertEqual(float(got[name]), float(plain[name]))

    def test_refusals(self):
        a, _ = self.problem(8, 3)
        with h5py.File(self.folder / "wrong.h5", "w") as file:
            file["short"], file["nan"] = np.ones(7), np.r_[np.ones(7), np.nan]
            file["poisoned"] = np.where(np.arange(24).reshape(8, 3) == 17, np.inf, a)
            file["eight"] = np.ones(8)
            file["wide"] = a.T
            file["three"] = np.ones(3)
        rhs = ("-mat", "p.h5:/A", "-rhs")
        for options, said in (
                (["-p", "0.5"], "-p"),
                (["-p", "nan"], "-p"),
                (["-infinity"], "belongs to no option"),
                (["-tolerance", "0"], "-tolerance"),
                (["-max_steps", "0"], "-max_steps"),
                (["-rows", "3", "-cols", "5"], "-rows 3 must be at least -cols 5"),
                (["-p", "2", "-minimax"], "-minimax"),
                (["-mat", "p.h5:/A"], "-mat is given without -rhs"),
                ([*rhs, "wrong.h5:/short"], "-rhs has 7 entries, the matrix has 8 rows"),
                ([*rhs, "wrong.h5:/nan"], "nan[7]"),
                (["-mat", "wrong.h5:/poisoned", "-rhs", "wrong.h5:/eight"], "poisoned[5, 2]"),
                (["-mat", "wrong.h5:/wide", "-rhs", "wrong.h5:/three"], "3 x 8"),
                (["-design", "rbf"], "give them as -mat FILE"),
                (["-mat", "p.h5:/A", "-rhs", "p.h5:/b", "-design", "polynomial", "-degree", "5"],
                 "the design is 8 x 56"),
                (["-outlier", "0.1"], "-outliers")):
            done = self.solve(2, *options, code=1)
            self.assertIn(said, done.err, options)
            self.assertFalse((self.folder / "out.h5").exists(), options)


main()
