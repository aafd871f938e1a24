# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the drivers share: programs from the environment, a fresh folder, mpiexec."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

PROBE = os.environ.get("LATHE_PROBE", "")
BIN = pathlib.Path(os.environ.get("LATHE_BIN", ""))  # the drivers
CONV_NORM = str(BIN / "conv_norm")
LEAST_SQUARES = str(BIN / "least_squares")
LOG_BESSEL = str(BIN / "log_bessel")
LP_REGRESSION = str(BIN / "lp_regression")
MATRIX_CONVERT = str(BIN / "matrix_convert")
MATRIX_NORM = str(BIN / "matrix_norm")
NETWORK_LIPSCHITZ = str(BIN / "network_lipschitz")
SKETCH_QUALITY = str(BIN / "sketch_quality")
TRACE_ESTIMATE = str(BIN / "trace_estimate")
VMF_FIT = str(BIN / "vmf_fit")
MPIEXEC = os.environ.get("LATHE_MPIEXEC", "mpiexec")
SOURCE = pathlib.Path(__file__).resolve().parents[2]

DATA = SOURCE / "data"

# Commands of each driver that end in seconds. Their files open in every reader, keep the schema, and
# are equal on 1 to 4 ranks; their options are refused by rule. A new driver adds a line.
RUNS = [
    ("conv_norm", "-layers 3 -cout 6 -cin 5 -input 9,8 -steps 3 -norm_map"),
    ("conv_norm", f"-kernels {DATA}/digits_resnet.h5 -method gram -steps 2"),
    ("least_squares", "-rows 60 -columns 6 -condition 1e2,1e6 -methods pne_dd,pne_quad,dgels,tsqr"),
    ("least_squares", f"-mat {DATA}/licence_terms.mtx.gz -rhs {DATA}/licence_terms_rhs.mtx.gz "
                      "-methods pne_dd,pne_quad,spqr"),
    ("log_bessel", "-n 12,5 -derivatives"),
    ("lp_regression", "-rows 300 -cols 4"),
    ("lp_regression", f"-mat {DATA}/digits_features.mtx.gz -rhs {DATA}/digits_labels.h5:/label "
                      "-design rbf -centres 8"),
    ("matern_fit", "-sites 40 -surface 3"),
    ("matrix_norm", "-gen laplacian2d -n 12"),
    ("network_lipschitz", "-net_gen tiny -samples 4"),
    ("network_lipschitz", f"-net {DATA}/digits_mlp.h5 -samples 4"),
    ("sketch_quality", "-rows 300 -columns 6 -seeds 3 -factors 4 -inputs half,coherent"),
    ("trace_estimate", "-gen polynomial -n 200 -matvecs 24 -sweep 12,18"),
    ("trace_estimate", f"-mat {DATA}/licence_terms.mtx.gz -function schatten -power 4 -matvecs 12"),
    ("vmf_fit", "-dim 5,9 -rows 64"),
    ("vmf_fit", f"-data {DATA}/digits_directions.h5:/pooled -normalize -components 3 -starts 2 "
                f"-labels {DATA}/digits_directions.h5:/labels"),
]
# Conversions of matrices and vectors to HDF5, by the name of the file.
CONVERSIONS = {
    "sparse": f"-mat {DATA}/digits_features.mtx.gz",
    "dense": "-mat dense.mtx",
    "vector": "-vec vector.mtx",
}


def write_matrices(folder):
    """What CONVERSIONS read beside data/."""
    for name, columns in (("dense", 3), ("vector", 1)):
        values = "\n".join(str(0.1 * i) for i in range(5 * columns))
        (folder / f"{name}.mtx").write_text(
            f"%%MatrixMarket matrix array real general\n5 {columns}\n{values}\n")


# A process started without mpiexec: no daemon beside it (0.2 s), and no session folder. Without a
# daemon every such process takes the same folder, which one removes while the next creates it.
ALONE = {"OMPI_MCA_ess_singleton_isolated": "1", "OMPI_MCA_orte_create_session_dirs": "0"}


def environment(np, changes=None):
    """The environment of command(np, ...)."""
    return {**os.environ, **({} if np else ALONE), **(changes or {})}


def command(np, driver, *args):
    """np 0: without mpiexec, which saves half a second."""
    return [*([MPIEXEC, "-n", str(np)] if np else []), driver, *map(str, args)]


class DriverTest(unittest.TestCase):
    """A test in an empty folder of its own."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lathe-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_driver(self, np, *args, driver=PROBE, code=0, timeout=60, env=None):
        """Run to the end and check the exit code of mpiexec."""
        done = subprocess.run(command(np, driver, *args), cwd=self.folder, timeout=timeout,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              env=environment(np, env))
        done.out = done.stdout.decode()
        done.err = done.stderr.decode()
        self.assertEqual(done.returncode, code, f"{done.args}\n{done.out}\n{done.err}")
        return done

    def start(self, np, *args, driver=PROBE, env=None):
        """Start in the background, with stderr in a file; killed when the test ends."""
        with open(self.folder / "stderr", "ab") as log:
            process = subprocess.Popen(command(np, driver, *args), cwd=self.folder, stderr=log,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       env=environment(np, env))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def finish(self, process, timeout=30):
        code = process.wait(timeout)
        return code, (self.folder / "stderr").read_text()

    def wait_for(self, name, timeout=20):
        end = time.monotonic() + timeout
        while not (self.folder / name).exists():
            self.assertLess(time.monotonic(), end, f"{name} did not appear; "
                            + (self.folder / "stderr").read_text())
            time.sleep(0.01)

    def files(self):
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*"))

    def bytes(self, name):
        return (self.folder / name).read_bytes()


def children(pid):
    """Processes that pid started itself."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(p) for p in task.read_text().split()]
        except OSError:
            pass
    return found


def ranks(process, count, driver=PROBE, timeout=10):
    """Process ids of the ranks, as soon as all of them run the driver."""
    name = os.path.basename(driver)
    end = time.monotonic() + timeout
    found = []
    while time.monotonic() < end:
        found = []
        for pid in children(process.pid):
            try:
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == name[:15]:
                    found.append(pid)
            except OSError:
                pass
        if len(found) == count:
            return found
        time.sleep(0.002)
    raise AssertionError(f"{len(found)} of {count} ranks found")


def kill_job(process, driver=PROBE):
    """What a node failure does: mpiexec and every rank end at once, without any handler."""
    pids = children(process.pid)
    process.send_signal(signal.SIGKILL)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()


def wait_gone(pids, timeout=5):
    """Until no process of the list runs any more."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        alive = []
        for pid in pids:
            try:
                state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
                if state not in "ZX":
                    alive.append(pid)
            except OSError:
                pass
        if not alive:
            return
        time.sleep(0.002)
    raise AssertionError(f"still running: {alive}")


def main():
    unittest.main(verbosity=2)
