# SPDX-License-Identifier: BSD-2-Clause
"""The driver log_bessel from outside: points of every kind of file, errors against the reference,
equal bytes on any number of ranks, refusals, interruption."""
import gzip
import os
import signal

import h5py
import numpy as np
from drivers import LOG_BESSEL, SOURCE, DriverTest, kill_job, main, ranks

REFERENCE = SOURCE / "tests/reference/bessel/log_bessel.csv"
VALUES = ("log_i", "log_k", "dlog_i_dx", "dlog_k_dx", "dlog_i_dv", "dlog_k_dv")


class LogBessel(DriverTest):
    def run_it(self, *options, np=0, code=0):
        return self.run_driver(np, *options, driver=LOG_BESSEL, code=code)

    def values(self, name, *variables):
        with h5py.File(self.folder / name) as file:
            return [file[v][()] for v in variables]

    def test_reference(self):
        done = self.run_it("-reference", REFERENCE, "-o", "r.h5", np=2)
        self.assertIn("largest_error_i", done.out)
        for name, error in zip("ik", self.values("r.h5", "error_i", "error_k")):
            self.assertEqual(len(error), 6140)
            self.assertTrue(np.isfinite(error).all())
            self.assertLessEqual(error.max(), 3.0, name)
            self.assertLessEqual(np.percentile(error, 99), 1.25, name)
            self.assertLessEqual(np.median(error), 0.25, name)
        (region, error_i, error_k, v) = self.values("r.h5", "region", "error_i", "error_k", "v")
        with h5py.File(self.folder / "r.h5") as file:
            names = file["region"].attrs["flag_meanings"].decode().split()
        outer = np.isin(region, [names.index(n) for n in ("far", "outer", "rim")]) & (v <= 1e12)
        self.assertGreater(outer.sum(), 3000)
        self.assertLessEqual(max(error_i[outer].max(), error_k[outer].max()), 0.75)

    def test_the_same_from_every_file(self):
        rng = np.random.default_rng(5)
        v, x = np.exp(rng.normal(size=(2, 3000)) * 4)
        lines = [f"{a.hex()},{b!r},text" for a, b in zip(v.tolist(), x.tolist())]
        text = "# points\r\nv,x,note\r\n" + "\r\n".join(lines) + "\r\n"
        (self.folder / "p.csv").write_text(text)
        (self.folder / "p.csv.gz").write_bytes(gzip.compress(text.encode()))
        with h5py.File(self.folder / "p.h5", "w") as file:
            file["group/v"], file["group/x"] = v, x
        found = []
        for spec in ("p.csv", "p.csv.gz", "p.h5:/group"):
            self.run_it("-points", spec, "-derivatives", "-o", "out.h5", np=2)
            found.append(self.values("out.h5", "v", "x", *VALUES))
            for a, b in zip(found[0], found[-1]):
                np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(found[0][0], v)
        np.testing.assert_array_equal(found[0][1], x)
        # a result file is a file of points and, of lower precision, a reference
        self.run_it("-points", "out.h5", "-reference", "out.h5", "-o", "again.h5")
        errors = self.values("again.h5", "error_i", "error_k")
        self.assertEqual([e.max() for e in errors], [0, 0])

    def test_identical_bytes(self):
        for options in (["-reference", REFERENCE, "-derivatives"],
                        ["-v_range", "0,150", "-x_range", "1,150", "-spacing", "linear", "-n",
                         "31,17"],
                        ["-n", "1", "-accuracy", "fast"]):
            first = None
            for ranks in (1, 2, 3, 4):
                self.run_it(*options, "-output_reproducible", "-o", "same.h5", np=ranks)
                first = first or self.bytes("same.h5")
                self.assertTrue(self.bytes("same.h5") == first, f"{options}, {ranks} ranks")

    def test_grid(self):
        self.run_it("-v_range", "0,10", "-x_range", "2,2", "-spacing", "linear", "-n", "11,1", "-o",
                    "grid.h5")
        v, x, log_i = self.values("grid.h5", "v", "x", "log_i")
        np.testing.assert_array_equal(v, np.arange(11.0))
        np.testing.assert_array_equal(x, 2.0)
        self.assertAlmostEqual(log_i[0], np.log(2.2795853023360673), places=15)
        self.run_it("-v_range", "1e-3,1e5", "-x_range", "1e-200,7", "-n", "5,4", "-o", "log.h5")
        v, x = self.values("log.h5", "v", "x")
        self.assertEqual((v[0], v[-1], x[0], x[-1]), (1e-3, 1e5, 1e-200, 7.0))
        np.testing.assert_allclose(v.reshape(5, 4)[:, 0], 10.0 ** np.arange(-3, 6, 2))

    def test_refusals(self):
        (self.folder / "negative.csv").write_text("v,x\n1,2\n3,-4\n")
        (self.folder / "names.csv").write_text("a,b\n1,2\n")
        (self.folder / "two.csv").write_text("v,x,log_i\n1,2,3\n1,2,3\n")
        (self.folder / "other.csv").write_text("v,x,log_i\n1,2,3\n1,2.5,3\n")
        (self.folder / "one.csv").write_text("log_i\n3\n")
        (self.folder / "nothing.csv").write_text("v,x\n1,2\n1,2\n")
        for options, words in (
                (["-points", "absent.csv"], "cannot read the points file 'absent.csv'"),
                (["-points", "negative.csv"], "negative.csv:3:3: x '-4' is below 0"),
                (["-points", "names.csv"], "no column v; the first line names a, b"),
                (["-points", "two.csv", "-reference", "one.csv"],
                 "-reference has 1 rows, -points 2"),
                (["-points", "two.csv", "-reference", "other.csv"],
                 "x of row 1 is 2.5, in -points it is 2"),
                (["-reference", "one.csv"], "no column v"),
                (["-reference", "nothing.csv"], "neither a column log_i nor log_k"),
                (["-v_range", "0,3"], "-v_range begins at 0"),
                (["-x_range", "3,2"], "-x_range needs two values"),
                (["-n", "1,2,3"], "-n has 3 values"),
                (["-accuracy", "fast", "-derivatives"], "-accuracy fast has no derivatives"),
                (["-points_file", "two.csv"], "-points")):
            for ranks in (0, 3):
                with self.subTest(options=options, ranks=ranks):
                    done = self.run_it(*options, "-o", "refused.h5", np=ranks, code=1)
                    self.assertIn(words, done.err)
                    self.assertNotIn("refused.h5", self.files())
                    self.assertNotIn("refused.h5.part", self.files())

    # one case, and one for each block
    def test_interruption(self):
        for n in ("200,200", "900,900"):
            grid = ["-n", n, "-output_reproducible"]
            self.run_it(*grid, "-o", "whole.h5")
            done = self.run_it(*grid, "-max_walltime", "1e-9", "-o", "stopped.h5", np=2, code=4)
            self.assertIn("interrupted", done.err)
            with h5py.File(self.folder / "stopped.h5") as file:
                self.assertEqual(file.attrs["status"], b"interrupted")
                self.assertTrue(np.isnan(file["log_i"][()]).all())
            self.run_it(*grid, "-restart", "-o", "stopped.h5", np=3)
            self.assertTrue(self.bytes("stopped.h5") == self.bytes("whole.h5"))

    def kill_after_first_block(self, grid, np):
        """SIGKILL to a run as soon as its first block is in the checkpoint."""
        process = self.start(np, *grid, "-checkpoint_every", "0", "-o", "out.h5", driver=LOG_BESSEL)
        self.wait_for("out.ckpt.h5")
        kill_job(process, LOG_BESSEL)

    def test_kills_continue_on_other_ranks(self):
        grid = ["-n", "900,900", "-output_reproducible"]  # 4 blocks
        self.run_it(*grid, "-o", "whole.h5")
        whole = self.bytes("whole.h5")
        kept = self.folder / "out.ckpt.rows"
        for before, after, damage in ((1, 3, None), (2, 1, "values"), (3, 4, "absent")):
            with self.subTest(before=before, after=after, damage=damage):
                self.kill_after_first_block(grid, before)
                if damage == "values":  # what was kept does not fit: it is computed again
                    with open(kept, "r+b") as file:
                        file.seek(8 * 1000)
                        file.write(b"damaged")
                elif damage == "absent":
                    kept.unlink()
                done = self.run_it(*grid, "-restart", "-o", "out.h5", np=after)
                self.assertIn("(from the checkpoint)", done.out)
                self.assertTrue(self.bytes("out.h5") == whole)
                self.assertEqual([f for f in self.files() if "ckpt" in f or "part" in f], [])

    def test_sigterm_keeps_the_finished_blocks(self):
        grid = ["-n", "1200,1500", "-output_reproducible", "-checkpoint_every", "0"]
        process = self.start(2, *grid, "-o", "out.h5", driver=LOG_BESSEL)
        self.wait_for("out.ckpt.h5")
        os.kill(ranks(process, 2, LOG_BESSEL)[1], signal.SIGTERM)
        code, err = self.finish(process)
        self.assertEqual(code, 4, err)
        with h5py.File(self.folder / "out.h5") as file:
            status, log_i = file["status"][()], file["log_i"][()]
        self.assertEqual(status[0], 0)
        finished = np.isfinite(log_i).sum()
        self.assertTrue(0 < finished < len(log_i))
        self.run_it(*grid, "-restart", "-o", "out.h5", np=3)
        self.run_it(*grid, "-o", "whole.h5")
        self.assertTrue(self.bytes("out.h5") == self.bytes("whole.h5"))


if __name__ == "__main__":
    main()
