# SPDX-License-Identifier: BSD-2-Clause
"""The analysis tools: report, check, compare, sweep, summary, and the table that bench.py writes."""
import csv
import os
import re
import shutil
import subprocess
import sys
import warnings

import h5netcdf  # noqa: F401
import h5py
import netCDF4  # noqa: F401
import numpy as np
import xarray as xr
from drivers import CONV_NORM, SOURCE, DriverTest, main

TOOLS = SOURCE / "experiments/analysis"
sys.path.insert(0, str(TOOLS))
import bench  # noqa: E402
import lathe_analysis as la  # noqa: E402

LAYERS = ("-layers", "2", "-cout", "4", "-cin", "3", "-input", "6,6", "-steps", "2", "-norm_map")


class Analysis(DriverTest):
    def tool(self, name, *args, code=0):
        done = subprocess.run([sys.executable, TOOLS / f"{name}.py", *map(str, args)], cwd=self.folder,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done.stdout + done.stderr

    def layers(self, name="layers.h5", *options):
        self.run_driver(0, *LAYERS, *options, "-output_reproducible", "-o", name, driver=CONV_NORM)
        return self.folder / name

    def test_report_is_one_page_that_refers_to_nothing(self):
        self.layers()
        self.tool("report", "layers.h5", "-o", "a.html")
        self.tool("report", "layers.h5", "-o", "b.html")
        text = (self.folder / "a.html").read_text()
        self.assertEqual(text, (self.folder / "b.html").read_text())
        self.assertLess(len(text), 2 << 20)
        addresses = set(re.findall(r'https?://[^\s"<)]+', text))
        self.assertEqual(addresses - {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"},
                         set())
        self.assertIsNone(re.search(r'<script|src=|@import|url\((?!#)', text))
        for part in ("Bracket of every layer", "Bound against Gram step", "Norm of the symbol",
                     "rigorous", "References"):
            self.assertIn(part, text)

    def test_front_script_counts_names_from_where_it_is_called(self):
        self.layers()
        for words in (["check", "layers.h5"], ["compare", "layers.h5", "layers.h5"],
                      ["report", "layers.h5", "-o", "page.html"]):
            done = subprocess.run([SOURCE / "lathe", *words], cwd=self.folder, text=True,
                                  env=os.environ | {"LATHE_PYTHON": sys.executable},
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue((self.folder / "page.html").exists())
        done = subprocess.run([SOURCE / "lathe", "mpiexec", "-n", "2", "ls", "page.html"],
                              cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_check_names_what_is_wrong(self):
        good = self.layers()
        self.assertIn("ok", self.tool("check", good))

        def long_norm(file):
            file["lower"][0] = 2 * file["upper"][0]

        def unscaled(file):
            file["upper"].dims[0].detach_scale(file["layer"])

        def seconds(file):
            file["upper"].attrs["units"] = np.bytes_(b"seconds")

        def boolean(file):
            file["flag"] = np.array(True)

        faults = {
            "lower exceeds upper": long_norm,
            "has 0 dimension scales": unscaled,
            "timedelta": seconds,
            "is not read by every netCDF-4 reader": boolean,
            "no long_name": lambda file: file["upper"].attrs.__delitem__("long_name"),
            "no units": lambda file: file["upper"].attrs.__delitem__("units"),
            "root attribute status is missing": lambda file: file.attrs.__delitem__("status"),
            "group /options is missing": lambda file: file.__delitem__("options"),
            "status is 'done'": lambda file: file.attrs.__setitem__("status", np.bytes_(b"done")),
        }
        for message, break_it in faults.items():
            bad = self.folder / "bad.h5"
            shutil.copy(good, bad)
            with h5py.File(bad, "r+") as file:
                break_it(file)
            with self.subTest(message):
                self.assertIn(message, self.tool("check", bad, code=1))

    def test_compare(self):
        self.layers("a.h5")
        self.layers("b.h5")
        self.layers("c.h5", "-seed", "2")
        self.assertIn("no difference", self.tool("compare", "a.h5", "b.h5"))
        text = self.tool("compare", "a.h5", "c.h5", code=1)
        self.assertRegex(text, r"upper: 2 of 2 values differ, relative difference up to \d")
        self.assertRegex(text, r"root seed: \d+ against 2")

    def test_sweep(self):
        self.tool("sweep", "-d", "sweep", "conv_norm", "-cout", "2,3", "-kernel", "3:3,2:2", "-input",
                  "5", "-cin", "1")
        with open(self.folder / "sweep/sweep.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([(r["cout"], r["kernel"]) for r in rows],
                         [("2", "3,3"), ("2", "2,2"), ("3", "3,3"), ("3", "2,2")])
        self.assertEqual(len({r["output"] for r in rows}), 4)
        self.run_driver(0, "-options_file", "sweep/0004.opt", driver=CONV_NORM)
        self.assertTrue((self.folder / rows[3]["output"]).is_file())

    def test_open_adds_the_groups(self):
        path = self.layers()
        data = la.open(path)
        self.assertEqual(data.sizes["layer"], 2)
        self.assertEqual(str(data.attrs["options.cout"]), "4")
        result = la.load(path)
        np.testing.assert_array_equal(result["upper"].values, data.upper.values)
        self.assertEqual(result["upper"].dims, ("layer",))

    def test_unreadable_files_end_with_one_line(self):
        (self.folder / "text.h5").write_text("no HDF5")
        for tool, arguments in (("report", ["text.h5"]), ("compare", ["text.h5", "none.h5"]),
                                ("summary", ["none.h5"]), ("check", ["none.h5"])):
            with self.subTest(tool):
                text = self.tool(tool, *arguments, code=1)
                self.assertRegex(text, r"(text|none)\.h5: ")

    def test_bench_table_is_a_result_file(self):
        path = self.folder / "bench.h5"
        bench.write({"BENCH": [["norm", "64x64", "0.5", "gesdd", "2", "4", "2.5"]],
                     "ACCURACY": [["norm", "ten", "1e-15", "relative", "1e-13", "", ""]]}, path)
        self.assertIn("ok", self.tool("check", path))
        for engine in ("h5netcdf", "netcdf4"):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with xr.open_dataset(path, engine=engine) as data:
                    self.assertEqual(data.ratio.item(), 4)
                    self.assertTrue(np.isnan(data.peer_worst.item()))
                    self.assertEqual(data.peer.values.astype(str).tolist(), ["gesdd"])

    def test_bench_pages_keep_what_was_not_run(self):
        page, readme = self.folder / "page.md", self.folder / "top.md"
        page.write_text("# Benchmarks\n\nText.\n\n## old\n\n| quantity | cases |\n| --- | --- |\n"
                        "| there | 3 |\n")
        readme.write_text("<!-- accuracy begin --><!-- accuracy end -->\n"
                          "<!-- bench begin -->\nstale\n<!-- bench end -->\nend\n")
        rows = {"BENCH": [["norm", "64", "0.5", "gesdd", "2", "4", "2"],
                          ["norm", "32", "0.5", "gesdd", "1", "2", "0"],
                          ["norm", "16", "0.5", "gesdd", "1.25", "2.5", "2"]],
                "ACCURACY": [["error", "ten", "1e-15", "relative", "1e-13", "", ""]]}
        for _ in range(2):  # the second time changes nothing
            bench.update_readme(bench.update_page({"new": rows}, page), readme)
        self.assertEqual(page.read_text().count("| norm |"), 3)
        self.assertIn("# Benchmarks\n\nText.\n\n## new\n", page.read_text())
        self.assertIn("## old\n\n| quantity |", page.read_text())
        text = readme.read_text()
        self.assertNotIn("stale", text)
        self.assertTrue(text.endswith("<!-- bench end -->\nend\n"))
        self.assertEqual(text.count("| norm |"), 1)
        self.assertIn("| norm | 16 | 0.5 | gesdd | 1.25 | 2.5 | 2 |", text)  # nearest to its bar
        self.assertIn("| there | 3 |", text)
        self.assertIn("| error | ten |", text)


if __name__ == "__main__":
    main()
