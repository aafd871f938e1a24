# SPDX-License-Identifier: BSD-2-Clause
"""least_squares as a user runs it: known truth, files, every method, equal bytes, refusals."""
import gzip
import itertools

import h5py
import numpy as np
from drivers import DATA, LEAST_SQUARES, DriverTest, main

METHODS = ["pne", "pne_dd", "pne_quad", "spir", "spir_dd", "fossils", "iterative_sketching",
           "sketch_and_solve", "dgels", "dgelsd", "tsqr", "spqr", "lsqr"]


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
        np.testing.assert_array_equal(got["rank"][:8], 20)
        reasons = [b"".join(r).decode().strip("\0 ") for r in got["reason"]]
        self.assertEqual((reasons[2], reasons[8]), ("converged", ""))
        self.assertRegex(reasons[-1], "^(con|di)verged_")  # PETSc's words
        for name in ("pne", "pne_dd", "pne_quad", "dgels", "tsqr", "spqr"):
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
                             "pne_dd,dgels,spqr,lsqr")
            for name in ("pne_dd", "dgels", "spqr", "lsqr"):
                np.testing.assert_allclose(got[f"solution_{name}"], x, rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(got["residual_norm"], np.linalg.norm(b - a @ x), rtol=1e-12)
            self.assertLess(got["forward_error"][0], 1.2e-16)

    def test_a_column_of_zeros(self):
        rng = np.random.default_rng(6)
        a, b = rng.normal(size=(40, 5)), rng.normal(size=40)
        a[:, 2] = 0
        with h5py.File(self.folder / "p.h5", "w") as file:
            file["A"], file["b"] = a, b
        x = np.linalg.lstsq(a, b, rcond=None)[0]
        methods = ["pne", "spir", "dgelsd", "spqr", "dgels"]
        got = self.solve(0, "-mat", "p.h5:/A", "-rhs", "p.h5:/b", "-methods", ",".join(methods))
        for name in methods[:-1]:
            np.testing.assert_allclose(got[f"solution_{name}"], x, rtol=1e-12, atol=1e-13)
        np.testing.assert_array_equal(got["rank"][:-1], 4)
        self.assertTrue(np.isnan(got["solution_dgels"]).all())  # it has none

    def test_sparse_text_by_sparse_qr(self):
        with gzip.open(DATA / "licence_terms.mtx.gz", "rt") as file:
            lines = [line.split() for line in file if not line.startswith("%")]
        a = np.zeros([int(n) for n in lines[0][:2]])
        for i, j, count in lines[1:]:
            a[int(i) - 1, int(j) - 1] = float(count)
        with gzip.open(DATA / "licence_terms_rhs.mtx.gz", "rt") as file:
            b = np.array(file.read().split()[-1998:], dtype=float)
        self.assertEqual(a.shape, (1998, 140))
        x = np.linalg.lstsq(a, b, rcond=None)[0]
        for ranks in (0, 3):
            got = self.solve(ranks, "-mat", DATA / "licence_terms.mtx.gz", "-rhs",
                             DATA / "licence_terms_rhs.mtx.gz", "-methods", "spir_dd,spqr")
            for name in ("spir_dd", "spqr"):
                np.testing.assert_allclose(got[f"solution_{name}"], x, rtol=1e-10, atol=1e-12)
            self.assertLess(got["forward_error"][0], 1.2e-16)
            self.assertLess(got["forward_error"][1], 1e-13)
            self.assertLess(got["seconds"].max(), 20)

    def test_dependent_columns_by_sparse_qr(self):
        rng = np.random.default_rng(6)
        a = rng.normal(size=(40, 5))
        a[:, 3] = a[:, 1]
        with h5py.File(self.folder / "p.h5", "w") as file:
            file["A"], file["b"] = a, rng.normal(size=40)
            b = file["b"][()]
        got = self.solve(2, "-mat", "p.h5:/A", "-rhs", "p.h5:/b", "-methods", "spqr")
        np.testing.assert_allclose(a.T @ (a @ got["solution_spqr"] - b), 0, atol=1e-12)
        self.assertEqual(np.count_nonzero(got["solution_spqr"]), 4)

    def features(self):
        """Four columns of integers in f.h5:/F, and b."""
        rng = np.random.default_rng(8)
        f, b = rng.integers(0, 9, size=(90, 4)).astype(float), rng.normal(size=90)
        with h5py.File(self.folder / "f.h5", "w") as file:
            file["F"], file["b"] = f, b
        return f, b

    def test_polynomial_design(self):
        f, b = self.features()
        for chosen, degree in (([0, 1, 2, 3], 2), ([3, 1], 3)):
            x = f[:, chosen]
            design = np.stack([np.prod(x[:, list(c)], axis=1) for g in range(degree + 1)
                               for c in itertools.combinations_with_replacement(
                                   range(len(chosen)), g)], axis=1)
            truth = np.linalg.lstsq(design, b, rcond=None)[0]
            got = self.solve(3, "-mat", "f.h5:/F", "-rhs", "f.h5:/b", "-design", "polynomial",
                             "-degree", str(degree), "-features", ",".join(map(str, chosen)),
                             "-methods", "pne_dd,spqr")
            for name in ("pne_dd", "spqr"):
                np.testing.assert_allclose(got[f"solution_{name}"], truth, rtol=1e-6, atol=1e-9)
        with h5py.File(self.folder / "out.h5") as file:
            self.assertEqual(file["options"].attrs["design"], b"polynomial")
            self.assertEqual(file["input"].attrs["cols"], 10)
            self.assertEqual(file["input"].attrs["features"], 2)

    def test_rbf_design(self):
        f, b = self.features()
        d = np.linalg.norm(f[:, None] - f[None], axis=2)
        for ranks, options, width in ((2, (), None), (0, ("-bandwidth", "3", "-seed", "2"), 3.0)):
            got = self.solve(ranks, "-mat", "f.h5:/F", "-rhs", "f.h5:/b", "-design", "rbf", "-centres",
                             "2", "-methods", "pne_dd", *options)
            with h5py.File(self.folder / "out.h5") as file:
                h = float(file["input"].attrs["bandwidth"])
            found = []  # which two rows are the centres
            for i, j in itertools.combinations(range(len(f)), 2):
                if np.isclose(h, width or d[i, j], rtol=1e-14):
                    design = np.c_[np.ones(len(f)), np.exp(-d[:, [i, j]]**2 / (2 * h * h))]
                    x = np.linalg.lstsq(design, b, rcond=None)[0]
                    if np.allclose(x, got["solution_pne_dd"], rtol=1e-9):
                        found.append((i, j))
            self.assertEqual(len(found), 1, options)

    def test_square_short_and_tiny_problems(self):
        rng = np.random.default_rng(9)
        for name, m, n, scale in (("square", 8, 8, 1), ("tall", 9, 8, 1), ("tiny", 20, 4, 1e-310),
                                  ("one", 1, 1, 1), ("wide", 3, 5, 1)):
            with h5py.File(self.folder / "p.h5", "w") as file:
                file["A"] = rng.normal(size=(m, n)) * scale
                file["b"] = rng.normal(size=m) * scale
            given = ("-mat", "p.h5:/A", "-rhs", "p.h5:/b")
            if name == "wide":  # only a wish is refused
                done = self.solve(0, *given, "-methods", "pne,tsqr", code=1)
                self.assertIn("-methods tsqr is of matrices with at least as many rows", done.err)
                self.assertNotIn("solution_tsqr", self.solve(0, *given))
                continue
            got = self.solve(0, *given, "-methods", "pne_dd,tsqr")
            self.assertLess(got["forward_error"][0], 2.3e-16, name)
            self.assertLess(got["forward_error"][1], 1e-12, name)

    def test_refusals_leave_nothing(self):
        with h5py.File(self.folder / "p.h5", "w") as file:
            file["A"], file["b"] = np.ones((5, 2)), np.ones(4)
        before = self.files()
        for options, said in ((("-rows", "10", "-columns", "10"), "-rows 10 must exceed"),
                              (("-methods", "qr"), "-methods"), (("-condition", "0.5"), "-condition"),
                              (("-mat", "p.h5:/A"), "-rhs"),
                              (("-rhs", "absent.mtx"), "-rhs is given without -mat"),
                              (("-methods", "pne,pne"), "an entry 'pne' that stands there twice"),
                              (("-mat", "p.h5:/A", "-rhs", "p.h5:/b"), "4 entries; must be 5"),
                              (("-mat", "absent.h5", "-rhs", "p.h5:/b"), "absent.h5"),
                              (("-method", "pne"), "-methods")):
            for ranks in (0, 3):
                done = self.solve(ranks, *options, code=1)
                self.assertIn(said, done.err, str(options))
                self.assertEqual(self.files(), before)

    def test_designs_that_cannot_be(self):
        with h5py.File(self.folder / "p.h5", "w") as file:
            file["A"], file["b"] = np.ones((5, 2)), np.ones(5)
        before = self.files()
        given = ("-mat", "p.h5:/A", "-rhs", "p.h5:/b")
        for ranks, options, said in (
                (0, ("-rows", "50,90"), "-rows has 2 values and -condition 8"),
                (0, ("-design", "rbf"), "give them as -mat FILE"),
                (0, (*given, "-degree", "2"), "-degree has no effect beside -design none"),
                (0, (*given, "-design", "rbf", "-degree", "2"), "it is of -design polynomial"),
                (0, (*given, "-design", "polynomial", "-bandwidth", "2"), "-bandwidth has no effect"),
                (0, (*given, "-features", "1"), "-features without a design"),
                (0, (*given, "-design", "rbf", "-features", "2"), "-features 2 is no column"),
                (3, (*given, "-design", "rbf", "-centres", "6"), "-centres 6; must be at most 5"),
                (3, (*given, "-design", "rbf", "-centres", "2"), "median distance"),
                (0, (*given, "-design", "polynomial", "-degree", "300"), "lower -degree")):
            done = self.solve(ranks, *options, code=1)
            self.assertIn(said, done.err, str(options))
            self.assertEqual(self.files(), before)


if __name__ == "__main__":
    main()
