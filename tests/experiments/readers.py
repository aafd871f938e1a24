# SPDX-License-Identifier: BSD-2-Clause
"""Result files in the tools that scientists open them with: xarray, netCDF, h5py, ncdump."""
import os
import pathlib
import socket
import subprocess
import sys
import warnings

import h5netcdf  # noqa: F401
import h5py
import netCDF4  # noqa: F401  (warns about NumPy's binary size when imported after simplefilter)
import numpy as np
import xarray as xr
from drivers import (BIN, CONVERSIONS, MATRIX_CONVERT, PROBE, RUNS, SOURCE, DriverTest, main,
                     write_matrices)

# Every kind of column, failed cases, distributed rows, input files, an empty list, a single case.
PROBES = {
    "plain": (PROBE, 2, [], 0),
    "rows": (PROBE, 3, ["-mode", "rows"], 0),
    "failed": (PROBE, 2, ["-mode", "fail", "-data", "given.txt"], 2),
    "unconverged": (PROBE, 1, ["-mode", "unconverged", "-sizes", "1,2,3"], 3),
    "empty": (PROBE, 1, ["-cases", "0"], 0),
    "reproducible": (PROBE, 2, ["-output_reproducible"], 0),
}
FILES = {**PROBES, **{f"{name}_{k}": (str(BIN / name), 2, options.split(), 0)
                       for k, (name, options) in enumerate(RUNS)},
         **{name: (MATRIX_CONVERT, 2, options.split(), 0) for name, options in CONVERSIONS.items()}}


class Readers(DriverTest):
    @classmethod
    def setUpClass(cls):
        first = cls("test_xarray")
        first.setUp()
        cls.folder_of_runs = first.folder
        cls.addClassCleanup(first.doCleanups)
        (first.folder / "given.txt").write_text("1 2 3\n")
        write_matrices(first.folder)
        cls.paths = []
        for name, (driver, ranks, options, code) in FILES.items():
            path = first.folder / f"{name}.h5"
            # The absolute path is what users give and what must not be stored.
            options = [str(first.folder / o) if o == "given.txt" else o for o in options]
            first.run_driver(ranks, *options, "-o", path, driver=driver, code=code)
            cls.paths.append(path)

    def groups(self, path):
        found = ["/"]
        with h5py.File(path) as file:
            file.visititems(lambda n, o: found.append("/" + n) if isinstance(o, h5py.Group) else None)
        return found

    def test_xarray(self):
        for path in self.paths:
            for group in self.groups(path):
                seen = []
                for engine in ("h5netcdf", "netcdf4"):
                    with self.subTest(file=path.name, group=group, engine=engine):
                        with warnings.catch_warnings():
                            warnings.simplefilter("error")
                            with xr.open_dataset(path, engine=engine, group=group) as data:
                                seen.append(data.load())
                self.assertEqual(len(seen), 2)
                self.assertEqual(set(seen[0].variables), set(seen[1].variables), (path, group))
                self.assertEqual(dict(seen[0].sizes), dict(seen[1].sizes), (path, group))

    def test_values_arrive(self):
        with xr.open_dataset(self.folder_of_runs / "failed.h5") as data:
            self.assertEqual(data.attrs["status"], "failed")
            self.assertEqual(list(data.label.values[[0, 1, 3]].astype(str)), ["rot", "grün", "grün"])
            self.assertTrue(np.isnan(data["value"].values[2]))
            self.assertEqual(int(np.isnan(data["value"].values).sum()), 1)
            self.assertEqual(data["count"].values[3], 30)
            self.assertEqual(data.curve.dims, ("item", "position"))
            self.assertTrue(np.isnan(data.curve.values[0, 1:]).all())
        with xr.open_dataset(self.folder_of_runs / "rows.h5") as data:
            expected = np.arange(3 * 1003, dtype=float).reshape(1003, 3)
            np.testing.assert_array_equal(data.field.values, expected)

    def test_ncdump(self):
        for path in self.paths:
            done = subprocess.run(["ncdump", "-h", path], capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, b""), path.name)
            self.assertIn(b"Conventions", done.stdout)

    def test_schema(self):
        done = subprocess.run([sys.executable, SOURCE / "experiments/analysis/check.py", *self.paths],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_nothing_private(self):
        secrets = {socket.gethostname(), str(self.folder_of_runs), str(self.folder_of_runs.parent) + "/",
                   str(pathlib.Path.home()), os.environ.get("USER", ""),
                   os.path.dirname(PROBE), str(SOURCE)}
        secrets = {s.encode() for s in secrets if len(s) > 3}
        self.assertGreater(len(secrets), 3)
        for path in self.paths:
            content = path.read_bytes()
            for secret in secrets:
                self.assertNotIn(secret, content, path.name)
        full = self.folder_of_runs / "full.h5"
        self.run_driver(1, "-provenance", "full", "-o", full)  # so the search finds what is there
        self.assertIn(socket.gethostname().encode(), full.read_bytes())

    def test_size(self):
        size = (self.folder_of_runs / "empty.h5").stat().st_size
        self.assertLessEqual(size, 100 * 1024)
        print(f"file of an empty run: {size} bytes", flush=True)


if __name__ == "__main__":
    main()
