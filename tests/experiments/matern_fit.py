# SPDX-License-Identifier: BSD-2-Clause
"""matern_fit as a user runs it: the truth of a generated field, files against generated ones, refusals."""
import h5py
import numpy as np
from drivers import BIN, DriverTest, main

MATERN_FIT = str(BIN / "matern_fit")


class MaternFit(DriverTest):
    def fit(self, np_, *options, out="out.h5", code=0):
        done = self.run_driver(np_, *options, "-o", out, driver=MATERN_FIT, code=code, timeout=200)
        if code:
            return done
        with h5py.File(self.folder / out) as file:
            return {n: d[()] for n, d in file.items() if isinstance(d, h5py.Dataset)}

    def write(self, **datasets):
        with h5py.File(self.folder / "x.h5", "w") as file:
            for key, values in datasets.items():
                file[key] = values

    def test_known_truth(self):
        got = self.fit(2, "-sites", "150", "-true_variance", "2", "-true_range", "0.15",
                       "-true_smoothness", "1.2", "-nugget", "0.05", "-surface", "0")
        for name, truth in (("variance", 2), ("range", 0.15), ("smoothness", 1.2)):
            deviation = abs(got[name] - truth) / got[f"{name}_std_error"]
            self.assertLess(deviation, 4, f"{name}: {got[name]}")

    def test_a_smooth_field_without_nugget_ends_at_the_rounding_of_its_likelihood(self):
        got = self.fit(1, "-sites", "200", "-nugget", "0", "-true_smoothness", "3", "-surface", "0")
        self.assertLess(abs(got["smoothness"] - 3) / got["smoothness_std_error"], 4)

    def test_refusals_leave_nothing(self):
        x = np.random.default_rng(2).uniform(size=(30, 2))
        twice = x.copy()
        twice[21] = twice[5]
        y = np.random.default_rng(3).normal(size=30)
        self.write(x=x, y=y, twice=twice, equal=np.full(30, 0.1), short=y[:29], nan=np.where(y == y[4], np.nan, y))
        before = self.files()
        for options, said in (
                (("-coords", "x.h5:/x", "-obs", "x.h5:/equal", "-subtract_mean"), "all observations are equal"),
                (("-coords", "x.h5:/x", "-obs", "x.h5:/short"), "29 observations; one for each of the 30"),
                (("-coords", "x.h5:/x", "-obs", "x.h5:/nan"), "x.h5:/nan[4]: is nan"),
                (("-sites", "20", "-nugget", "-1"), "-nugget"),
                (("-sites", "20", "-start", "1,0.1,0"), "-start"),
                (("-sites", "20", "-fit_nugget", "-nugget", "0"), "-fit_nugget")):
            with self.subTest(said):
                done = self.fit(3, *options, code=1)
                self.assertIn(said, done.err)
                self.assertEqual(self.files(), before)
        done = self.fit(3, "-coords", "x.h5:/twice", "-obs", "x.h5:/y", "-nugget", "0", code=2)
        self.assertIn("Sites 5 and 21 are at one place", done.err)


if __name__ == "__main__":
    main()
