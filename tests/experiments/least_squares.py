# SPDX-License-Identifier: BSD-2-Clause
"""least_squares as a user runs it: known truth, files, every method, equal bytes, refusals."""
import h5py
import numpy as np
from drivers import LEAST_SQUARES, DriverTest, main

METHODS = ["pne", "pne_dd", "pne_quad", "spir", "spir_dd", "fossils", "iterative_sketching",
           "sketch_and_solve", "dgels", "dgelsd", "tsqr", "lsqr"]


class LeastSquares(DriverTest):
    def solve(self, np_, *options, out="out.h5", code=0):
        done = self.run_driver(np_, *options, "-o", out, driver=LEAST_SQUARES, code=code,
                               timeout=200)
        if code != 0:
            return done
        with h5py.File(self.folder / out) as file:
            return {n: d[()] for n, d in file.items() if isinstance(d, h5py.Dataset)}

    def test_every_method_on_growing_condition(self):
        got = self.solve(2, "-rows", "500", "-columns", "20", "-condition", "1e2,1e6,1e10",
                         "-methods", ",".join(METHODS))
        forward = dict(zip(METHODS, got["forward_error"]))
        backward = dict(zip(METHODS, got["backward_error"]))
        self.assertEqual(got["forward_error"].shape, (len(METHODS), 3))
        for name in ("pne_dd", "spir_dd"):
            self.assertLess(forward[name][:2].max(), 1.2e-16, name)
        self.assertLess(forward["pne_quad"].max(), 1.2e-16)
        for name in ("pne", "pne_dd", "pne_quad", "dgels", "tsqr"):
            self.assertLess(backward[name].max(), 2e-15, name)
        for name in ("spir", "fossils"):
            self.assertLess(backward[name].max(), 3e-15, name)
        self.assertGreater(forward["dgels"][2], 1e-9)  # what LAPACK loses
        quad, lapack = got["solution_pne_quad"], got["solution_dgels"]
        self.assertEqual(quad.shape, (3, 20))
        np.testing.assert_allclose(quad[0], lapack[0], rtol=1e-10)
        np.testing.assert_allclose(got["residual_norm"][:3], 1e-3, rtol=1e-6)

    def test_a_problem_from_files_against_numpy(self):
        rng = np.random.default_rng(5)
        a, b = rng.normal(size=(80, 7)), rng.normal(size=80)
        with h5py.File(self.folder / "p.h5", "w") as file:
            file["A"], file["b"] = a, b
        x = np.linalg.lstsq(a, b, rcond=None)[0]
        for ranks in (0, 3):
            got = self.solve(ranks, "-mat", "p.h5:/A", "-rhs", "p.h5:/b", "-methods",
                             "pne_dd,dgels,lsqr")
            for name in ("pne_dd", "dgels", "lsqr"):
                np.testing.assert_allclose(got[f"solution_{name}"], x, rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(got["residual_norm"], np.linalg.norm(b - a @ x), rtol=1e-12)
            self.assertLess(got["forward_error"][0], 1.2e-16)

    def test_refusals_leave_nothing(self):
        with h5py.File(self.folder / "p.h5", "w") as file:
            file["A"], file["b"] = np.ones((5, 2)), np.ones(4)
        before = self.files()
        for options, said in ((("-rows", "10", "-columns", "10"), "-rows 10 must exceed"),
                              (("-methods", "qr"), "-methods"), (("-condition", "0.5"), "-condition"),
                              (("-mat", "p.h5:/A"), "-rhs"),
                              (("-mat", "p.h5:/A", "-rhs", "p.h5:/b"), "4 entries; must be 5"),
                              (("-mat", "absent.h5", "-rhs", "p.h5:/b"), "absent.h5"),
                              (("-method", "pne"), "-methods")):
            for ranks in (0, 3):
                done = self.solve(ranks, *options, code=1)
                self.assertIn(said, done.err, str(options))
                self.assertEqual(self.files(), before)


if __name__ == "__main__":
    main()
