# SPDX-License-Identifier: BSD-2-Clause
"""A run that is stopped or killed at any moment continues on another number of ranks to the same bytes."""
import os
import random
import signal
import subprocess
import sys
import time

import h5py
from drivers import CONV_NORM, PROBE, DriverTest, children, kill_job, main, ranks, wait_gone

OPTIONS = ["-cases", "40", "-output_reproducible", "-checkpoint_every", "0", "-o", "out.h5"]
LAYERS = ["-layers", "6", "-cout", "3", "-cin", "3", "-input", "5,5", "-output_reproducible",
          "-checkpoint_every", "0", "-o", "out.h5"]


class Signals(DriverTest):
    def reference(self, options, driver=PROBE):
        """Bytes of the run that nothing interrupts."""
        self.run_driver(1, *options[:-1], "reference.h5", driver=driver)
        return self.bytes("reference.h5")

    def check_interrupted(self, by):
        """out.h5 holds some finished cases, marks the others, and the checkpoint is there."""
        with h5py.File(self.folder / "out.h5") as file:
            self.assertEqual(file.attrs["status"], b"interrupted")
            self.assertEqual(file.attrs["interrupted_by"].decode(), by)
            self.assertEqual(file.attrs["converged"], 0)
            status = list(file["status"][()])
        finished = status.index(2)
        self.assertGreater(finished, 0)
        self.assertEqual(status, [0] * finished + [2] * (40 - finished))
        self.assertIn("out.ckpt.h5", self.files())

    def resume(self, np, expected):
        done = self.run_driver(np, *OPTIONS, "-restart")
        self.assertIn("(from the checkpoint)", done.out)
        self.assertTrue(self.bytes("out.h5") == expected, "resumed to other bytes")
        self.assertEqual([f for f in self.files() if "ckpt" in f or "part" in f], [])

    def stop_ranks(self, number, which):
        expected = self.reference(OPTIONS)
        process = self.start(3, *OPTIONS, "-pause", "0.2")
        self.wait_for("out.ckpt.h5")
        for pid in sorted(ranks(process, 3))[which]:
            os.kill(pid, number)
        code, err = self.finish(process)
        self.assertEqual(code, 4, err)
        self.assertIn(f"interrupted by {signal.Signals(number).name}", err)
        self.assertIn("-restart continues", err)
        self.check_interrupted(signal.Signals(number).name)
        self.resume(2, expected)

    def test_sigterm_at_one_rank(self):
        self.stop_ranks(signal.SIGTERM, slice(1, 2))

    def test_sigusr1_at_every_rank(self):
        self.stop_ranks(signal.SIGUSR1, slice(0, 3))

    def test_sigterm_without_mpiexec(self):
        process = subprocess.Popen([PROBE, *OPTIONS, "-pause", "0.1"], cwd=self.folder,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        self.wait_for_checkpoint_of(process)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20), 4)
        self.check_interrupted("SIGTERM")

    def wait_for_checkpoint_of(self, process):
        end = time.monotonic() + 20
        while not (self.folder / "out.ckpt.h5").exists():
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def test_max_walltime(self):
        expected = self.reference(OPTIONS)
        done = self.run_driver(2, *OPTIONS, "-pause", "0.2", "-max_walltime", "0:0:0.5", code=4)
        self.assertIn("interrupted by -max_walltime", done.err)
        self.check_interrupted("-max_walltime")
        self.resume(4, expected)

    def kill_often(self, driver, options, pause, kills, seed):
        """SIGKILL at random moments; each life continues on another number of ranks."""
        expected = self.reference(options, driver)
        draw = random.Random(seed)
        killed = 0
        np = 1
        while killed < kills:
            # A life that ends by itself starts the sweep anew, so that every kill meets a live run.
            process = self.start(np, *options, *pause, "-restart", driver=driver)
            pids = ranks(process, np, driver)
            time.sleep(draw.uniform(0, 0.8))
            if process.poll() is None:
                pids = children(process.pid)
                kill_job(process)
                wait_gone(pids)
                killed += 1
                self.check_leftovers(expected)
            else:
                self.assertEqual(process.returncode, 0, (self.folder / "stderr").read_text())
                self.assertTrue(self.bytes("out.h5") == expected)
                (self.folder / "out.h5").unlink()
            np = np % 4 + 1
        self.run_driver(np, *options, "-restart", driver=driver)
        self.assertTrue(self.bytes("out.h5") == expected, f"other bytes after {killed} kills")
        return killed

    def check_leftovers(self, expected):
        """A result file that is there is whole: it appears by a rename."""
        if "out.h5" in self.files():
            self.assertTrue(self.bytes("out.h5") == expected)

    def test_kills_of_a_sweep(self):
        begin = time.monotonic()
        killed = self.kill_often(PROBE, OPTIONS, ["-pause", "0.02"], 14, 20)
        print(f"{killed} kills in {time.monotonic() - begin:.1f} s", file=sys.stderr)

    def test_kills_of_convolutions(self):
        begin = time.monotonic()
        killed = self.kill_often(CONV_NORM, LAYERS, [], 6, 21)
        print(f"{killed} kills in {time.monotonic() - begin:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
