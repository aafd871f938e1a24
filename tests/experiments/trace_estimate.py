# SPDX-License-Identifier: BSD-2-Clause
"""trace_estimate as a user runs it: known traces and determinants, equal bytes, refusals."""
import h5py
import numpy as np
from drivers import TRACE_ESTIMATE, DriverTest, main


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
                         "6"]):
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

    def test_refusals(self):
        self.spd(8)
        with h5py.File(self.folder / "wrong.h5", "w") as file:
            file["tall"] = np.ones((5, 3))
            file["nan"] = np.full((3, 3), np.nan)
            file["indefinite"] = np.diag([1.0, -2.0, 3.0])
        for options, said in (
                (["-mat", "wrong.h5:/tall"], "square"),
                (["-mat", "wrong.h5:/nan"], "nan"),
                (["-mat", "a.h5:/A", "-matvecs", "1"], "-matvecs"),
                (["-mat", "a.h5:/A", "-matvecs", "-3"], "-matvecs"),
                (["-mat", "a.h5:/A", "-methods", "slq"], "-function logdet or inverse"),
                (["-mat", "a.h5:/A", "-function", "inverse", "-methods", "slq_nystrom"],
                 "-function logdet"),
                (["-mat", "a.h5:/A", "-gen", "flat"], "-gen"),
                (["-gen", "flat", "-mu", "-1"], "-mu"),
                (["-gen", "flat", "-method", "xtrace"], "-methods")):
            done = self.estimate(2, *options, code=1)
            self.assertIn(said, done.err.lower() if said == "nan" else done.err, options)
            self.assertFalse((self.folder / "out.h5").exists(), options)


main()
