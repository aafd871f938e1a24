# SPDX-License-Identifier: BSD-2-Clause
"""What goes wrong in a run: failed cases, a rank that fails alone, damaged checkpoints, other code; and
what a run says meanwhile."""
import json
import os
import re
import shutil
import subprocess
import time

import h5py
from drivers import BIN, PROBE, RUNS, DriverTest, environment, main, ranks

SWEEP = ["-cases", "30", "-output_reproducible", "-checkpoint_every", "0", "-o", "out.h5"]


class Failures(DriverTest):
    def test_failed_case_is_recorded_and_the_others_run(self):
        for mode, reason in (("fail", "case 2 fails on purpose"), ("throw", "the body threw")):
            with self.subTest(mode):
                done = self.run_driver(2, "-mode", mode, "-o", "out.h5", code=2)
                self.assertIn(f"case block/2 failed: {reason}", done.err)
                self.assertRegex(done.err, r"in \S+\(\) at \S+\.cpp:\d+")  # where
                with h5py.File(self.folder / "out.h5") as file:
                    self.assertEqual(file.attrs["status"], b"failed")
                    self.assertEqual(list(file["status"][()]), [0, 0, 1, 0])
                    text = file["failure"][()]
                    self.assertIn(reason.encode(), text[2].tobytes())

    def test_a_rank_that_fails_alone_ends_the_job(self):
        process = self.start(3, "-mode", "one_rank", "-o", "out.h5")
        ranks(process, 3)
        begin = time.monotonic()
        code, err = self.finish(process)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(code, 2)
        self.assertIn("[rank 1] failed alone, the other ranks still wait for it: rank 1 fails alone", err)
        self.assertIn("misbehave() at", err)
        self.assertNotIn("out.h5", self.files())

    def test_not_converged(self):
        done = self.run_driver(2, "-mode", "unconverged", "-o", "out.h5", code=3)
        self.assertIn("not converged: the probe was told not to", done.err)
        with h5py.File(self.folder / "out.h5") as file:
            self.assertEqual(file.attrs["converged"], 0)
            self.assertEqual(file.attrs["convergence_reason"], b"the probe was told not to")

    def test_logs_hold_no_control_characters(self):
        for name, options in RUNS:
            with self.subTest(f"{name} {options}"):
                done = self.run_driver(2, *options.split(), "-o", "out.h5", driver=str(BIN / name))
                for byte in (b"\r", b"\x1b"):
                    self.assertNotIn(byte, done.stdout + done.stderr)

    def test_progress(self):
        for mode in ("lines", "bar", "none"):
            with self.subTest(mode):
                done = self.run_driver(0, *SWEEP, "-pause", "0.05", "-progress", mode)
                lines = re.findall(r"^probe +\d+ % \| \d+/30 \| .*ETA", done.err, re.M)
                self.assertEqual(bool(lines), mode == "lines", done.err)
                self.assertEqual("\r" in done.err, mode == "bar")

    def test_progress_json(self):
        self.run_driver(2, *SWEEP, "-progress", "json")
        state = json.loads(self.bytes("out.progress.json"))
        self.assertEqual((state["driver"], state["done"], state["total"]), ("probe", 30, 30))
        self.assertEqual(state["case"], "block/29")

    def test_a_closed_pipe_does_not_end_a_run(self):
        with subprocess.Popen([PROBE, *SWEEP], cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env=environment(0)) as process:
            process.stdout.close()  # what `| head -1` does
            self.assertEqual(process.wait(30), 0)
        with h5py.File(self.folder / "out.h5") as file:
            self.assertEqual(file.attrs["status"], b"complete")


class Restarts(DriverTest):
    NEWEST, BEFORE = "out.ckpt.h5", "out.ckpt.previous.h5"

    @classmethod
    def setUpClass(cls):
        """A run that its wall time ended, with both generations of its checkpoint."""
        first = cls("test_newest_is_damaged")
        DriverTest.setUp(first)
        cls.addClassCleanup(first.doCleanups)
        cls.template = first.folder
        (first.folder / "given.txt").write_text("1 2 3\n")
        first.run_driver(0, *SWEEP[:-1], "reference.h5")
        first.run_driver(0, *SWEEP, "-pause", "0.05", "-max_walltime", "0.4", code=4)
        assert {cls.NEWEST, cls.BEFORE} <= set(first.files()), first.files()

    def setUp(self):
        super().setUp()
        shutil.copytree(self.template, self.folder, dirs_exist_ok=True)

    def restart(self, *options, np=2, code=0):
        done = self.run_driver(np, *SWEEP, "-restart", *options, code=code)
        if code == 0:
            self.assertTrue(self.bytes("out.h5") == self.bytes("reference.h5"), "other bytes")
        return done.out + done.err

    def damage(self, name, how):
        path = self.folder / name
        whole = path.read_bytes()
        if how == "cut":
            path.write_bytes(whole[:len(whole) // 2])
        elif how == "flipped":  # in the payload, which HDF5 does not check
            path.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
        elif how == "empty":
            path.write_bytes(b"")
        else:
            with h5py.File(path, "w") as file:
                file["something"] = 1

    def test_newest_is_damaged(self):
        for how in ("cut", "flipped", "empty", "foreign"):
            with self.subTest(how):
                shutil.copytree(self.template, self.folder, dirs_exist_ok=True)
                self.damage(self.NEWEST, how)
                said = self.restart()
                self.assertIn("the generation before it is taken", said)
                self.assertIn("(from the checkpoint)", said)

    def test_previous_is_damaged(self):
        self.damage(self.BEFORE, "cut")
        self.assertNotIn("the generation before", self.restart())

    def test_newest_is_gone(self):
        (self.folder / self.NEWEST).unlink()
        self.assertIn("(from the checkpoint)", self.restart())

    def test_both_are_damaged(self):
        for name in (self.NEWEST, self.BEFORE):
            self.damage(name, "cut")
        said = self.restart(code=1)
        self.assertIn("no generation of the checkpoint is readable; start without -restart", said)
        for name in (self.NEWEST, self.BEFORE):
            self.assertIn(name, self.files(), "evidence must stay")

    def test_none(self):
        for name in (self.NEWEST, self.BEFORE):
            (self.folder / name).unlink()
        self.assertIn("no checkpoint out.ckpt.h5, starting from the beginning", self.restart())

    def test_another_computation_is_refused_by_name(self):
        for options, said in ((("-seed", "7"), "option -seed: was 20240229, now 7"),
                              (("-cases", "31"), "option -cases: was 30, now 31"),
                              (("-tolerance", "0.5"), "option -tolerance: was 1e-06, now 0.5"),
                              (("-probe_svd_type", "lanczos"), "-probe_svd_type"),
                              (("-data", "given.txt"), "input data: was (absent), now sha256 ")):
            with self.subTest(options):
                text = self.restart(*options, code=1)
                self.assertIn("belongs to another computation", text)
                self.assertIn(said, text)
        self.restart("-pause", "0.001", "-progress", "none")  # how it runs may change

    def test_another_program_is_refused_by_name(self):
        text = self.run_driver(0, "-layers", "3", "-restart", "-o", "out.h5", code=1,
                               driver=str(BIN / "conv_norm")).err
        self.assertIn("experiment: was probe, now conv_norm", text)

    def test_without_restart_the_checkpoint_is_set_aside(self):
        done = self.run_driver(0, *SWEEP)
        self.assertIn("moved to *.ckpt.old.h5; -restart would have continued it", done.err)
        self.assertIn("out.ckpt.old.h5", self.files())
        self.assertTrue(self.bytes("out.h5") == self.bytes("reference.h5"))


if __name__ == "__main__":
    main()
