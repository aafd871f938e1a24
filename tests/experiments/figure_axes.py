# SPDX-License-Identifier: BSD-2-Clause
"""Figures of the sketching drivers: what they draw, with which axes, and the sentence below. Text in an
SVG is outlines, so each figure is looked at just before it is written."""
import subprocess
import sys
from unittest import mock

import h5py
import numpy as np
from drivers import (DATA, LEAST_SQUARES, LP_REGRESSION, SKETCH_QUALITY, SOURCE, TRACE_ESTIMATE,
                     DriverTest, main)

sys.path.insert(0, str(SOURCE / "experiments/analysis"))
import figures  # noqa: E402
import lathe_analysis as la  # noqa: E402
from figures import least_squares, lp, sketching, trace  # noqa: E402
from figures.style import finish  # noqa: E402

METHODS = ["pne", "pne_dd", "pne_quad", "spir", "fossils", "iterative_sketching", "sketch_and_solve",
           "dgels", "dgelsd", "tsqr", "spqr", "lsqr"]


def curves(axis):
    """{label: its values} of what the legend names."""
    handles, labels = axis.get_legend_handles_labels()
    return {label: h for label, h in zip(labels, handles)}


class Figures(DriverTest):
    def result(self, driver, *options):
        self.run_driver(0, *options, "-o", "out.h5", driver=driver)
        return la.load(self.folder / "out.h5")

    def drawn(self, module, result):
        """{title: (figure of matplotlib, sentence)}; each also becomes an SVG."""
        seen = {}

        def look(figure, title, reading):
            figure.canvas.draw()
            seen[title] = (figure, reading)
            done = finish(figure, title, reading)
            self.assertTrue(done.svg.startswith("<svg") and done.svg.rstrip().endswith("</svg>"))
            self.assertGreater(done.svg.count("<path"), 5)
            return done

        with mock.patch.object(module, "finish", look):
            titles = [f.title for f in module.figures(result) if f]
        self.assertEqual(titles, list(seen))
        for _, reading in seen.values():
            self.assertNotIn("nan", reading)
            self.assertTrue(reading.endswith("."), reading)
        self.assertGreater(len(module.answer(result)), 20)
        return seen

    def axes(self, figure, x, y, count=1):
        self.assertEqual(len(figure.axes), count)
        for axis in figure.axes:
            self.assertEqual(axis.get_xlabel(), x)
        self.assertEqual(figure.axes[0].get_ylabel(), y)
        return figure.axes

    def test_errors_against_condition(self):
        result = self.result(LEAST_SQUARES, "-rows", "120", "-columns", "6", "-condition",
                             "1e2,1e8,1e12", "-methods", ",".join(METHODS))
        seen = self.drawn(least_squares, result)
        self.assertEqual(list(seen), ["Forward error against condition",
                                      "Backward error against condition"])
        for name, (figure, reading) in zip(("forward_error", "backward_error"), seen.values()):
            axis, = self.axes(figure, "condition number", name.replace("_", " "))
            self.assertEqual((axis.get_xscale(), axis.get_yscale()), ("log", "log"))
            lines = curves(axis)
            self.assertEqual(list(lines), METHODS)
            for line, values in zip(lines.values(), result[name].values):
                np.testing.assert_array_equal(line.get_xdata(), [1e2, 1e8, 1e12])
                np.testing.assert_array_equal(line.get_ydata(), np.maximum(values, 1e-18))
            self.assertIn("pne_quad", reading)
        self.assertEqual(len({(l.get_color(), l.get_linestyle()) for l in lines.values()}),
                         len(METHODS))

    def test_conditions_in_any_order(self):
        given = [1e12, 1e1, 1e6]
        result = self.result(LEAST_SQUARES, "-rows", "40", "-columns", "4", "-condition",
                             "1e12,1e1,1e6", "-methods", "pne_quad,dgels,tsqr")
        seen = self.drawn(least_squares, result)
        line = curves(seen["Forward error against condition"][0].axes[0])["dgels"]
        np.testing.assert_array_equal(line.get_xdata(), sorted(given))
        np.testing.assert_array_equal(line.get_ydata(),
                                      result["forward_error"].values[1][np.argsort(given)])
        self.assertIn("pne_quad keeps all digits up to condition 1e+12",
                      least_squares.answer(result))
        self.assertRegex(least_squares.answer(result), "LAPACK's methods .*, TSQR ")

    def test_no_finite_solution_is_never_best(self):
        a = np.random.default_rng(7).normal(size=(40, 5))
        a[:, 3] = 0
        with h5py.File(self.folder / "p.h5", "w") as file:
            file["A"], file["b"] = a, a[:, 0] + a[:, 1] ** 2
        result = self.result(LEAST_SQUARES, "-mat", "p.h5:/A", "-rhs", "p.h5:/b", "-methods",
                             "tsqr,pne")
        text = least_squares.answer(result)
        self.assertIn("pne has the smallest backward error", text)
        self.assertIn("No finite x came from tsqr.", text)

    def test_a_file_without_finished_cases_and_a_figure_that_fails(self):
        for driver, options in ((SKETCH_QUALITY, "-columns 200 -seeds 1000"),
                                (TRACE_ESTIMATE, "-gen laplacian2d -n 200 -function logdet "
                                                 "-matvecs 200 -sweep 100")):
            self.run_driver(0, *options.split(), "-max_walltime", "0.2", "-o", "stop.h5",
                            driver=driver, code=4)
            result = la.load(self.folder / "stop.h5")
            self.assertFalse((result["status"].values == 0).any())
            self.assertEqual(figures.figures(result), [])
            self.assertEqual(figures.answer(result), "No case finished.")
        result = self.result(LP_REGRESSION, "-rows", "50", "-cols", "3")
        whole = result["residual_quantile"].values
        result["residual_quantile"].values = whole[:0]
        self.assertEqual(figures.figures(result), [])
        result["residual_quantile"].values = np.array(["a"])
        figure, = figures.figures(result)
        self.assertTrue(figure.failed)
        self.assertIn("cannot be drawn", figure.reading)
        with h5py.File(self.folder / "out.h5", "r+") as file:
            del file["iterations"]  # the page still comes, and says so
        done = subprocess.run([sys.executable, SOURCE / "experiments/analysis/report.py", "stop.h5",
                               "out.h5", "-o", "page.html"], cwd=self.folder, text=True,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("Traceback", done.stderr)
        self.assertIn("Residuals", (self.folder / "page.html").read_text())

    def test_time_against_size(self):
        methods = ["pne_dd", "dgels", "spqr"]
        result = self.result(LEAST_SQUARES, "-rows", "50,200,800", "-columns", "5", "-condition",
                             "1e3", "-methods", ",".join(methods))
        seen = self.drawn(least_squares, result)
        self.assertEqual(list(seen), ["Time against size"])
        figure, reading = seen["Time against size"]
        axis, = self.axes(figure, "rows", "time [s]")
        self.assertEqual((axis.get_xscale(), axis.get_yscale()), ("log", "log"))
        lines = curves(axis)
        self.assertEqual(list(lines), methods)
        for line, values in zip(lines.values(), result["seconds"].values):
            np.testing.assert_array_equal(line.get_xdata(), [50, 200, 800])
            np.testing.assert_array_equal(line.get_ydata(), values)
        self.assertIn("fastest at 800 rows", reading)

    def test_errors_of_one_problem(self):
        result = self.result(LEAST_SQUARES, "-mat", DATA / "digits_features.mtx.gz", "-rhs",
                             f"{DATA}/digits_labels.h5:/label", "-design", "rbf", "-centres", "12",
                             "-methods", "pne_dd,dgels,spqr")
        seen = self.drawn(least_squares, result)
        axis, = seen["Errors of every method"][0].axes
        self.assertEqual([t.get_text() for t in axis.get_yticklabels()], ["pne_dd", "dgels", "spqr"])
        self.assertEqual(list(curves(axis)), ["forward error", "backward error"])

    def test_sketches(self):
        kinds, inputs = ["sparse_stack", "gaussian"], ["incoherent", "coherent"]
        result = self.result(SKETCH_QUALITY, "-rows", "300", "-columns", "6", "-seeds", "12",
                             "-factors", "2,4", "-kinds", ",".join(kinds))
        seen = self.drawn(sketching, result)
        self.assertEqual(list(seen), ["Norms that sketches keep", "Preconditioned spectra, 4 n rows",
                                      "Distortion over the draws",
                                      "Coordinates of sketched least squares"])
        axes = self.axes(seen["Norms that sketches keep"][0], "singular values of S Q", "", 2)
        self.assertEqual([a.get_title() for a in axes], [f"{i} subspaces" for i in inputs])
        self.assertEqual([t.get_text() for t in axes[0].get_yticklabels()], kinds[::-1])
        self.assertEqual(list(curves(axes[1])), ["d = 2 n", "d = 4 n"])
        axes = self.axes(seen["Preconditioned spectra, 4 n rows"][0], "direction",
                         "singular values of A R⁻¹", 2)
        self.assertEqual([list(curves(a)) for a in axes], [kinds, kinds])
        axes = self.axes(seen["Distortion over the draws"][0], "distortion", "draws", 2)
        low, high = (result[f"{n}_by_draw"].values for n in ("smallest", "largest"))
        spread = np.maximum(1 - low, high - 1)
        for axis, given in zip(axes, inputs):
            self.assertEqual(list(curves(axis)), kinds)
            self.assertEqual(axis.get_title(), f"{given} subspaces")
            for patch, kind in zip(axis.patches, kinds):  # an outline of 40 bars each
                case, = [k for k in range(8) if result["kind"].values[k] == kind
                         and result["input"].values[k] == given and result["factor"].values[k] == 4]
                heights = patch.get_xy()[1:-1:2, 1]
                mine = [k for k in range(8) if result["input"].values[k] == given
                        and result["factor"].values[k] == 4]
                edges = np.linspace(0, max(1.0, spread[mine].max()), 41)
                np.testing.assert_array_equal(heights, np.histogram(spread[case], edges)[0])
        axis, = self.axes(seen["Coordinates of sketched least squares"][0],
                          "sqrt(d) max |x' - x| / |b|", "share of the draws")
        self.assertEqual(list(curves(axis)), kinds)
        self.assertRegex(seen["Coordinates of sketched least squares"][1],
                         r"medians of dense sketches .* sqrt\(2 log n\) = 1\.89")

    def test_regression(self):
        result = self.result(LP_REGRESSION, "-rows", "200", "-cols", "4")
        seen = self.drawn(lp, result)
        axis, = self.axes(seen["Residuals"][0], "share of the rows [%]",
                          "absolute residual at most")
        self.assertEqual(axis.get_yscale(), "log")
        np.testing.assert_array_equal(axis.lines[0].get_xdata(), np.arange(101))
        self.assertEqual(axis.lines[0].get_ydata()[-1], result["residual_quantile"].values[-1])

    def test_traces(self):
        methods = ["girard_hutchinson", "hutchpp", "xtrace", "xnystrace"]
        result = self.result(TRACE_ESTIMATE, "-gen", "polynomial", "-n", "100", "-matvecs", "24",
                             "-sweep", "12,24")
        seen = self.drawn(trace, result)
        self.assertEqual(list(seen), ["Error against products", "Estimates"])
        axis, = self.axes(seen["Error against products"][0], "products with the matrix",
                          "error / |truth|")
        self.assertEqual([t.get_text() for t in axis.get_xticklabels()], ["12", "24"])
        lines = curves(axis)
        self.assertEqual(list(lines), [*methods, "standard error, half to twice"])
        for k, name in enumerate(methods):
            np.testing.assert_array_equal(lines[name].get_xdata(),
                                          result["sweep_matvecs"].values[2 * k:2 * k + 2])
        figure, reading = seen["Estimates"]
        axis, = figure.axes
        self.assertTrue(axis.get_xlabel().endswith("with two standard errors"))
        self.assertEqual([t.get_text() for t in axis.get_yticklabels()], methods)
        self.assertIn("of 4 estimates lie within two standard errors of the true value", reading)


if __name__ == "__main__":
    main()
