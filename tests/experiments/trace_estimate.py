# SPDX-License-Identifier: BSD-2-Clause
"""trace_estimate as a user runs it: known traces and determinants, equal bytes, refusals."""
import h5py
import numpy as np
from drivers import DATA, TRACE_ESTIMATE, DriverTest, main


def texts(characters):
    return [b"".join(row).decode().strip("\0 ") for row in characters]


class TraceEstimate(DriverTest):
    def estimate(self, np_, *options, out="out.h5", code=0):
        done = self.run_driver(np_, *options, "-o", out, driver=TRACE_ESTIMATE, code=code,
                               timeout=120)
        if code != 0:
            return done
        with h5py.File(self.folder / out) as file:
            return {n: d[()] for n, d in file.items() if isinstance(d, h5py.Dataset)}

    def spd(self, n=24):
        rng = np.random.default_rng(3)
        q = np.linalg.qr(rng.normal(size=(n, n)))[0]
        a = (q * np.geomspace(1, 50, n)) @ q.T
        a = (a + a.T) / 2
        with h5py.File(self.folder / "a.h5", "w") as file:
            file["A"] = a
        return a

    def within(self, got, truth, errors=5, floor=1e-10):
        """Every estimate lies within so many of its standard errors of the truth."""
        for name, value, error in zip(texts(got["name"]), got["estimate"], got["standard_error"]):
            self.assertLessEqual(abs(value - truth), errors * error + floor * abs(truth), name)

    def test_functions_of_a_matrix_from_a_file(self):
        a = self.spd()
        for function, truth in (("trace", np.trace(a)), ("logdet", np.linalg.slogdet(a)[1]),
                                ("inverse", np.trace(np.linalg.inv(a)))):
            for ranks in (1, 2):
                got = self.estimate(ranks, "-mat", "a.h5:/A", "-function", function, "-matvecs",
                                    "15", "-rank", "6")
                self.assertEqual(len(got["estimate"]), 4)
                self.within(got, truth)
                np.testing.assert_allclose(got["estimate"], truth, rtol=0.3)
            # as many products as rows leave nothing to chance
            got = self.estimate(2, "-mat", "a.h5:/A", "-function", function, "-methods", "xtrace",
                                "-matvecs", "48")
            np.testing.assert_allclose(got["estimate"], truth, rtol=1e-7)

    def test_schatten_norms_of_any_matrix(self):
        rng = np.random.default_rng(4)
        tall = rng.normal(size=(30, 18)) * np.geomspace(1, 1e-2, 18)
        square, wide = rng.normal(size=(20, 20)), tall.T
        indefinite = self.spd(20) - 9 * np.eye(20)
        with h5py.File(self.folder / "b.h5", "w") as file:
            for name, a in (("tall", tall), ("wide", wide), ("square", square),
                            ("indefinite", indefinite), ("tiny", tall * 1e-200),
                            ("huge", indefinite * 1e200)):
                file[name] = a
        for name, a, scale, powers in (
                ("tall", tall, 1, (0.5, 1, 3.5)), ("wide", wide, 1, (1,)),
                ("square", square, 1, (1,)), ("indefinite", indefinite, 1, (1, 20)),
                ("tiny", tall, 1e-200, (20,)), ("huge", indefinite, 1e200, (20,))):
            sigma = np.linalg.svd(a, compute_uv=False)
            for power in powers:
                truth = (sigma**power).sum()**(1 / power) * scale
                # as many products as rows leave nothing to chance
                got = self.estimate(2 if name == "wide" else 0, "-mat", f"b.h5:/{name}", "-function",
                                    "schatten", "-power", str(power), "-methods", "xtrace",
                                    "-matvecs", str(2 * min(a.shape)))
                np.testing.assert_allclose(got["estimate"], truth, rtol=1e-6, err_msg=name)
                self.assertLess(got["standard_error"][0], 1e-5 * truth)
        got = self.estimate(2, "-mat", "b.h5:/tall", "-function", "schatten", "-matvecs", "12")
        truth = np.linalg.norm(tall, "nuc")
        self.assertEqual(texts(got["name"]), ["slq", "hutchpp", "xtrace", "xnystrace"])
        self.within(got, truth, errors=8)  # of six samples an error is itself uncertain
        np.testing.assert_allclose(got["estimate"], truth, rtol=0.3)

    def test_schatten_error_by_the_delta_method(self):
        a = self.spd(20)
        cubed = a @ a @ a
        with h5py.File(self.folder / "c.h5", "w") as file:
            file["cube"] = (cubed + cubed.T) / 2
        words = ("-methods", "slq", "-matvecs", "11", "-seed", "3")
        norm = self.estimate(0, "-mat", "a.h5:/A", "-function", "schatten", "-power", "3", *words)
        total = self.estimate(0, "-mat", "c.h5:/cube", "-function", "schatten", *words)
        value, power = norm["estimate"][0], total["estimate"][0]
        np.testing.assert_allclose(value, power**(1 / 3), rtol=1e-7)
        np.testing.assert_allclose(norm["standard_error"][0],
                                   total["standard_error"][0] * value / (3 * power), rtol=1e-6)

    def test_estrada_index(self):
        rng = np.random.default_rng(10)
        graph = np.triu((rng.random((40, 40)) < 0.1).astype(float), 1)
        graph += graph.T
        truth = np.exp(np.linalg.eigvalsh(graph)).sum()
        with h5py.File(self.folder / "g.h5", "w") as file:
            file["graph"] = graph
        got = self.estimate(3, "-mat", "g.h5:/graph", "-function", "exp", "-matvecs", "30")
        self.within(got, truth)
        np.testing.assert_allclose(got["estimate"], truth, rtol=0.2)
        got = self.estimate(0, "-mat", "g.h5:/graph", "-function", "exp", "-methods", "xtrace",
                            "-matvecs", "80")
        np.testing.assert_allclose(got["estimate"], truth, rtol=1e-7)

    def test_truth_of_generated_matrices(self):
        k = 2 - 2 * np.cos(np.pi * np.arange(1, 9) / 9)
        grid = (k[:, None] + k[None, :]).ravel()
        for gen, n, values in (("laplacian2d", 8, grid), ("polynomial", 30, np.arange(1., 31)**-2)):
            for options, truth in ((("exp",), np.exp(values).sum()),
                                   (("schatten", "-power", "2.5"), (values**2.5).sum()**0.4)):
                got = self.estimate(0, "-gen", gen, "-n", str(n), "-function", *options, "-matvecs",
                                    "20", "-methods", "slq,hutchpp")
                np.testing.assert_allclose(float(got["truth"]), truth, rtol=1e-12)
                self.within(got, truth, errors=8)

    def test_decaying_spectra(self):
        got = self.estimate(2, "-gen", "exponential", "-n", "400", "-sweep", "20,40,80")
        np.testing.assert_allclose(float(got["truth"]), 1 / 0.3, rtol=1e-14)
        error = dict(zip(texts(got["name"]), got["error"]))
        self.assertLess(error["xtrace"], 1e-8)
        self.assertLess(error["xnystrace"], 1e-12)
        self.assertGreater(error["girard_hutchinson"], 1e-4)
        self.assertEqual(len(got["sweep_estimate"]), 12)
        np.testing.assert_array_equal(got["sweep_budget"].reshape(4, 3), [[20, 40, 80]] * 4)
        self.assertTrue((got["sweep_matvecs"] <= got["sweep_budget"]).all())

    def test_log_determinant_of_a_laplacian(self):
        n = 12
        k = 2 - 2 * np.cos(np.pi * np.arange(1, n + 1) / (n + 1))
        truth = np.log(k[:, None] + k[None, :]).sum()
        got = self.estimate(2, "-gen", "laplacian2d", "-n", str(n), "-function", "logdet",
                            "-matvecs", "60", "-methods", "slq,xtrace")
        np.testing.assert_allclose(float(got["truth"]), truth, rtol=1e-12)
        self.within(got, truth)

    def test_equal_bytes_on_any_number_of_ranks(self):
        for options in (["-gen", "step", "-n", "700", "-matvecs", "30"],
                        ["-gen", "laplacian2d", "-n", "15", "-function", "inverse", "-matvecs",
                         "6"],
                        ["-mat", DATA / "digits_features.mtx.gz", "-function", "schatten",
                         "-matvecs", "8", "-methods", "slq,xtrace"]):
            files = []
            for ranks in (1, 2, 3, 4):
                self.estimate(ranks, *options, "-output_reproducible", out=f"np{ranks}.h5")
                files.append(self.bytes(f"np{ranks}.h5"))
            self.assertTrue(all(f == files[0] for f in files), options)

    def test_long_estimates_end_in_order(self):
        # One of these cases lasts seconds; asked to stop inside it, a run says so.
        done = self.estimate(2, "-gen", "laplacian2d", "-n", "90", "-function", "inverse",
                             "-matvecs", "90", "-methods", "xtrace", "-max_walltime", "0.5", code=4)
        self.assertIn("interrupted by -max_walltime", done.err)

    def test_budgets_fit_the_order(self):
        got = self.estimate(0, "-gen", "flat", "-n", "30")  # a default bends
        np.testing.assert_array_equal(got["matvecs"], [120, 90, 60, 30])
        got = self.estimate(0, "-gen", "flat", "-n", "30", "-function", "logdet", "-methods",
                            "slq_nystrom")
        self.within(got, float(got["truth"]))
        (self.folder / "out.h5").unlink()
        for options, said in (("-n 30 -matvecs 120", "-matvecs 120 is too many for -methods hutchpp"),
                              ("-n 30 -sweep 12,99", "-sweep 99 is too many"),
                              ("-n 30 -matvecs 5", "-matvecs 5 is too few for -methods hutchpp"),
                              ("-n 50 -function logdet -rank 51", "-rank 51 exceeds the order"),
                              ("-n 50 -matvecs 1000000000", "more than the")):
            done = self.estimate(0, "-gen", "flat", *options.split(), code=1)
            self.assertIn(said, done.err)
            self.assertEqual(len(done.err.splitlines()), 1, done.err)
            self.assertEqual(self.files(), [])

    def test_refusals(self):
        self.spd(8)
        with h5py.File(self.folder / "wrong.h5", "w") as file:
            file["tall"] = np.ones((5, 3))
            file["skew"] = np.array([[1.0, 2.0], [3.0, 4.0]])
            file["nan"] = np.full((3, 3), np.nan)
            file["indefinite"] = np.diag([1.0, -2.0, 3.0])
        for options, said in (
                (["-mat", "wrong.h5:/tall"], "square"),
                (["-mat", "wrong.h5:/nan"], "nan"),
                (["-mat", "a.h5:/A", "-matvecs", "1"], "-matvecs"),
                (["-mat", "a.h5:/A", "-matvecs", "-3"], "-matvecs"),
                (["-mat", "a.h5:/A", "-methods", "slq"], "another -function than trace"),
                (["-mat", "wrong.h5:/tall", "-function", "exp"], "square"),
                (["-mat", "wrong.h5:/skew", "-function", "exp"], "not symmetric"),
                (["-mat", "wrong.h5:/skew", "-function", "logdet"], "not symmetric"),
                (["-mat", "a.h5:/A", "-function", "schatten", "-power", "0"], "-power"),
                (["-mat", "a.h5:/A", "-function", "schatten", "-power", "2000"], "-power"),
                (["-mat", "a.h5:/A", "-function", "inverse", "-methods", "slq_nystrom"],
                 "-function logdet"),
                (["-mat", "a.h5:/A", "-gen", "flat"], "-gen"),
                (["-gen", "flat", "-mu", "-1"], "-mu"),
                (["-gen", "flat", "-method", "xtrace"], "-methods")):
            done = self.estimate(2, *options, code=1)
            self.assertIn(said, done.err.lower() if said == "nan" else done.err, options)
            self.assertFalse((self.folder / "out.h5").exists(), options)


main()
