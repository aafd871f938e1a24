# SPDX-License-Identifier: BSD-2-Clause
"""What a driver refuses: exit code 1 at once, a sentence that helps, nothing written."""
import concurrent.futures
import os
import re
import resource
import shutil
import subprocess

import h5py
import numpy as np
from drivers import (BIN, CONV_NORM, DATA, MATRIX_CONVERT, MATRIX_NORM, NETWORK_LIPSCHITZ, PROBE, RUNS,
                     DriverTest, command, main)

DRIVERS = [PROBE, *(str(BIN / name) for name in sorted(dict(RUNS)))]
OPTION = re.compile(r"^  (-\w+) <(\S+)>  (.+)\n      unit: (.*); range: (.*); default: (.*)$", re.M)


def processor_time():
    """Of all processes that ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Refusals(DriverTest):
    def own_options(self, driver):
        """[(name, kind, help, unit, range, default)] of a driver's own options."""
        text = self.run_driver(0, "-help", driver=driver).out.split("\nOptions of PETSc follow.")[0]
        found = OPTION.findall(text)
        self.assertEqual(len(found), len(re.findall(r"^  -\w+ <", text, re.M)), text)
        return found

    def refuse(self, driver, *args, np=0, expected=()):
        before = self.files()
        done = self.run_driver(np, *args, driver=driver, code=1)
        for text in expected:
            self.assertIn(text, done.err)
        self.assertNotIn("PETSC ERROR", done.err)
        self.assertEqual(self.files(), before, "something was written")
        return done.err

    def test_help_of_every_option(self):
        for driver in DRIVERS:
            with self.subTest(driver):
                options = self.own_options(driver)
                self.assertGreater(len(options), 8)
                for name, _, text, unit, allowed, default in options:
                    self.assertTrue(text and unit and allowed and default, f"{driver} {name}")

    def test_every_misspelt_option(self):
        for driver in DRIVERS:
            words = []
            names = [name for name, *_ in self.own_options(driver) if len(name) > 4]
            known = {name for name, *_ in self.own_options(driver)}
            for name in names:
                wrong = name[:2] + name[3:]  # one letter is missing
                if wrong not in known:
                    words += [wrong, "1"]
            with self.subTest(driver):
                err = self.refuse(driver, *words)
                for name in names:
                    if name[:2] + name[3:] in words:
                        self.assertRegex(err, f"unknown option {name[:2] + name[3:]}; did you mean -")

    def test_every_value_out_of_range(self):
        for driver in DRIVERS:
            low, high, text = [], [], []
            for name, kind, _, _, allowed, _ in self.own_options(driver):
                bound = re.match(r"[\[(](\S+), (\S+)[\])]", allowed)
                if kind.startswith(("integer", "real")):
                    text.append(name)
                    if bound:
                        low += [(name, f"{float(bound[1]) - 1:.0f}")]
                        high += [(name, f"{float(bound[2]) * 2 + 1:.0f}")]
                    elif allowed[0] in ">≥":
                        low += [(name, f"{float(allowed[1:]) - 1:.0f}")]
                elif kind.startswith(("name", "flag", "time")):
                    text.append(name)
            with self.subTest(driver):
                for words in (low, high, [(name, "abc") for name in text]):
                    if not words:
                        continue
                    err = self.refuse(driver, *(w for pair in words for w in pair))
                    for name, value in words:
                        self.assertIn(f"option {name}: value '{value}'", err)
                        self.assertRegex(err, rf"option {name}: .*allowed: .*default")

    def test_at_once_on_1_and_3_ranks(self):
        for ranks in (1, 3):
            begin = processor_time()  # other programs may have the processor
            self.refuse(CONV_NORM, "-coutt", "8", np=ranks, expected=["did you mean -cout?"])
            self.assertLess(processor_time() - begin, 2)

    def test_words_and_outputs(self):
        (self.folder / "folder").mkdir()
        for driver in DRIVERS:
            with self.subTest(driver):
                self.refuse(driver, "oops", expected=["word 'oops' belongs to no option"])
                self.refuse(driver, "-o", "folder", expected=["'folder' is a folder"])
                self.refuse(driver, "-o", "nowhere/a.h5", expected=["cannot write in folder 'nowhere/'"])

    def test_every_finding_is_told(self):
        err = self.refuse(CONV_NORM, "-cout", "0", "-stepz", "3", "oops", np=2)
        self.assertEqual(sum(line.startswith("conv_norm: ") for line in err.splitlines()), 3, err)

    def test_ranks_with_different_options(self):
        words = [*command(1, PROBE, "-cases", "1"), ":", "-n", "1", PROBE, "-cases", "2"]
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the ranks were started with different options", done.stderr)

    def test_inputs_that_exclude_each_other(self):
        self.refuse(MATRIX_NORM, "-mat", "a.mtx", "-gen", "gaussian",
                    expected=["option -gen has no effect beside -mat"])
        self.refuse(MATRIX_NORM, expected=["no matrix; give either -mat FILE or -gen NAME"])
        self.refuse(CONV_NORM, "-kernels", "k.h5", "-cout", "3", "-cin", "4",
                    expected=["option -cout has no effect beside -kernels", "option -cin has no effect"])
        self.refuse(NETWORK_LIPSCHITZ, "-net", "n.h5", "-net_gen", "tiny",
                    expected=["option -net_gen has no effect beside -net"])

    def bad_files(self):
        """{name: what it is}: files that no driver can take."""
        (self.folder / "empty").write_bytes(b"")
        (self.folder / "text").write_text("these are no numbers\n")
        (self.folder / "folder.h5").mkdir()
        whole = (DATA / "digits_mlp.h5").read_bytes()
        (self.folder / "cut.h5").write_bytes(whole[:len(whole) // 3])
        (self.folder / "head.h5").write_bytes(whole[:8])
        (self.folder / "cut.mtx.gz").write_bytes((DATA / "digits_features.mtx.gz").read_bytes()[:2000])
        with h5py.File(self.folder / "other.h5", "w") as file:
            file["message"] = "hello"
        with h5py.File(self.folder / "nan.h5", "w") as file:
            file["w"] = np.full((2, 2, 3, 3), np.nan)
        return ["missing.h5", "empty", "text", "folder.h5", "cut.h5", "head.h5", "cut.mtx.gz", "other.h5",
                "nan.h5"]

    def test_files_that_cannot_be_read(self):
        names = self.bad_files()
        cases = [(driver, option, name) for name in names
                 for driver, option in ((MATRIX_NORM, "-mat"), (CONV_NORM, "-kernels"),
                                        (NETWORK_LIPSCHITZ, "-net"))]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for case, err in zip(cases, pool.map(
                    lambda c: self.refuse(c[0], c[1], c[2], "-o", "never.h5"), cases)):
                with self.subTest(case):
                    self.assertIn(case[2], err)
                    self.assertLess(len(err.splitlines()), 3, err)
        with self.subTest("on 3 ranks"):
            for name in ("cut.h5", "nan.h5"):
                self.refuse(CONV_NORM, "-kernels", name, np=3, expected=[name])

    def test_inside_a_file(self):
        path = DATA / "digits_mlp.h5"
        self.refuse(MATRIX_NORM, "-mat", f"{path}:/nothing", expected=["has no object /nothing"])
        self.refuse(MATRIX_NORM, "-mat", path, expected=["candidates for a matrix", "name one as"])
        self.refuse(CONV_NORM, "-kernels", f"{path}:/nothing", expected=["has no object /nothing"])

    def test_a_line_is_named(self):
        (self.folder / "a.mtx").write_text("%%MatrixMarket matrix coordinate real general\n2 2 2\n"
                                           "1 1 1.0\n3 1 2.0\n")
        for ranks in (0, 3):
            self.refuse(MATRIX_NORM, "-mat", "a.mtx", np=ranks, expected=["a.mtx:4", "row"])

    def test_conversions(self):
        (self.folder / "a.mtx").write_text("%%MatrixMarket matrix array real general\n1 1\n1\n")
        for words, expected in (((), "give one of -mat"), (("-mat", "a.mtx"), "-o"),
                                (("-mat", "a.mtx", "-vec", "a.mtx", "-o", "b.h5"), "one of"),
                                (("-mat", "a.mtx", "-o", "b.xyz"), ".mtx"),
                                (("-mat", "a.mtx", "-out", "b.h5"), "-o"),
                                (("-mat", "b.mtx", "-o", "b.h5"), "b.mtx"),
                                (("-mat", "a.mtx", "-o", "no/b.h5"), "folder 'no/'"),
                                (("-mat", "a.mtx", "-o", "a.mtx"), "would replace the input")):
            with self.subTest(words):
                self.refuse(MATRIX_CONVERT, *words, expected=[expected])

    def test_no_input_is_replaced(self):
        text = "%%MatrixMarket matrix array real general\n1 1\n1\n"
        (self.folder / "a.mtx").write_text(text)
        (self.folder / "hard.mtx").hardlink_to(self.folder / "a.mtx")
        (self.folder / "soft.mtx").symlink_to("a.mtx")
        shutil.copy(DATA / "digits_resnet.h5", self.folder / "net.h5")
        for name in ("a.mtx", "./a.mtx", "hard.mtx", "soft.mtx"):
            self.refuse(MATRIX_NORM, "-mat", "a.mtx", "-o", name, expected=["would replace the mat file"])
        self.refuse(NETWORK_LIPSCHITZ, "-net", "net.h5", "-o", "net.h5", expected=["would replace"])
        self.refuse(CONV_NORM, "-kernels", "net.h5", "-o", "net.h5", expected=["would replace"])
        self.assertEqual((self.folder / "a.mtx").read_text(), text)

    def test_only_files_are_replaced_and_links_stay(self):
        (self.folder / "a.mtx").write_text("%%MatrixMarket matrix array real general\n1 1\n1\n")
        os.mkfifo(self.folder / "pipe")
        for driver in (MATRIX_NORM, MATRIX_CONVERT):
            for name in ("pipe", "/dev/null"):
                self.refuse(driver, "-mat", "a.mtx", "-o", name, expected=["is a device or a pipe"])
        (self.folder / "link.h5").symlink_to("real.h5")
        self.run_driver(0, "-mat", "a.mtx", "-o", "link.h5", driver=MATRIX_NORM)
        self.assertTrue((self.folder / "link.h5").is_symlink())
        self.assertTrue(h5py.is_hdf5(self.folder / "real.h5"))

    def test_values_that_the_library_reads(self):
        (self.folder / "a.mtx").write_text("%%MatrixMarket matrix array real general\n1 1\n1\n")
        self.run_driver(0, "-mat", "a.mtx", "-o", "out.h5", driver=MATRIX_NORM)
        before = self.bytes("out.h5")
        for name, value in (("tolerance", "0"), ("tolerance", "nan"), ("failure_probability", "1"),
                            ("gram_steps", "3"), ("certificate", "rigor"), ("lanczos_steps", "1e3")):
            with self.subTest(name):
                self.refuse(MATRIX_NORM, "-mat", "a.mtx", "-o", "out.h5", f"-lathe_norm_{name}", value)
        self.assertTrue(self.bytes("out.h5") == before)
        self.refuse(str(BIN / "least_squares"), "-lathe_ls_nnz", "-1", expected=["-lathe_ls_nnz"])

    def test_an_existing_result_stays_until_the_run_ends(self):
        self.run_driver(0, "-o", "out.h5")
        before = self.bytes("out.h5")
        self.refuse(PROBE, "-o", "out.h5", "-mode", "body", expected=["the body refuses its input"])
        self.assertTrue(self.bytes("out.h5") == before)
        shutil.copy(self.folder / "out.h5", self.folder / "first.h5")
        self.run_driver(0, "-o", "out.h5", "-cases", "2")
        self.assertFalse(self.bytes("out.h5") == before)


if __name__ == "__main__":
    main()
