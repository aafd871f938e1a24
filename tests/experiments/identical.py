# SPDX-License-Identifier: BSD-2-Clause
"""Files of -output_reproducible are equal byte for byte on 1, 2, 3 and 4 ranks."""
import h5py
from drivers import BIN, CONVERSIONS, MATRIX_CONVERT, PROBE, RUNS, DriverTest, main, write_matrices


class Identical(DriverTest):
    def compare(self, driver, *options):
        files = []
        for ranks in (1, 2, 3, 4):
            name = f"np{ranks}.h5"
            self.run_driver(ranks, *options, "-o", name, driver=driver)
            files.append(self.bytes(name))
            self.assertEqual(len(files[-1]), len(files[0]), f"{ranks} ranks")
            self.assertTrue(files[-1] == files[0], f"{ranks} ranks: other bytes")
        return files[0]

    def test_rows_and_cases(self):
        first = self.compare(PROBE, "-mode", "rows", "-output_reproducible")
        self.run_driver(2, "-mode", "rows", "-output_reproducible", "-seed", "1", "-o", "other.h5")
        self.assertNotEqual(first, self.bytes("other.h5"), "the seed must change the result")

    def test_every_driver(self):
        for name, options in RUNS:
            with self.subTest(f"{name} {options}"):
                self.compare(str(BIN / name), *options.split(), "-output_reproducible")
                with h5py.File(self.folder / "np1.h5") as file:
                    self.assertEqual(file.attrs["status"], b"complete")

    def test_conversions(self):
        write_matrices(self.folder)
        for name, options in CONVERSIONS.items():
            with self.subTest(name):
                self.compare(MATRIX_CONVERT, *options.split())


if __name__ == "__main__":
    main()
