# SPDX-License-Identifier: BSD-2-Clause
"""sketch_quality against numpy: singular values of sketches whose entries petsc4py asks for one by
one, another way through the library than the one the driver takes."""
import json
import subprocess
import sys

import h5py
import numpy as np
from drivers import BIN, SKETCH_QUALITY, DriverTest, environment, main

# S[:, :columns] of every kind and seed, as lists. Of coherent subspaces Q = [I; 0], so this is S Q.
ENTRIES = """
import json, sys
import petsc4py
petsc4py.init([sys.argv[0], "-dll_append", sys.argv[1]])
from petsc4py import PETSc
wanted = json.loads(sys.argv[2])
found = []
for kind in wanted["kinds"]:
    for seed in wanted["seeds"]:
        for name, value in (("mat_type", "sketch"), ("mat_sketch_type", kind),
                            ("mat_sketch_seed", seed), *wanted["options"]):
            PETSc.Options()["s_" + name] = value
        S = PETSc.Mat().create()
        S.setOptionsPrefix("s_")
        S.setSizes([wanted["d"], wanted["rows"]])
        S.setFromOptions()
        S.setUp()
        found.append(S.getValues(range(wanted["d"]), range(wanted["columns"])).tolist())
print(json.dumps(found))
"""
ROWS, COLUMNS, FACTOR, SEED, DRAWS = 300, 6, 4, 5, 3
KINDS = ("sparse_stack", "count_sketch", "gaussian", "srht", "block_srht")


def entries():
    """S Q of each kind and draw; None without petsc4py."""
    wanted = {"kinds": KINDS, "seeds": [SEED + k for k in range(DRAWS)], "d": FACTOR * COLUMNS,
              "rows": ROWS, "columns": COLUMNS,
              "options": [("mat_sketch_nnz", 8), ("mat_sketch_rounds", 2), ("mat_sketch_block", 64)]}
    library = BIN.parent / "lib/liblathe.so"
    done = subprocess.run([sys.executable, "-c", ENTRIES, library, json.dumps(wanted)],
                          capture_output=True, text=True, env=environment(0), check=False)
    if "No module named 'petsc4py'" in done.stderr:
        return None
    assert done.returncode == 0, done.stderr
    sketches = [np.array(s) for s in json.loads(done.stdout)]
    return [sketches[k:k + DRAWS] for k in range(0, len(sketches), DRAWS)]


class SketchQuality(DriverTest):
    def test_singular_values_against_numpy(self):
        sketches = entries()
        if sketches is None:
            self.skipTest("no petsc4py")
        self.run_driver(2, "-rows", ROWS, "-columns", COLUMNS, "-factors", FACTOR, "-seed", SEED,
                        "-seeds", DRAWS, "-inputs", "coherent", "-kinds", ",".join(KINDS), "-block",
                        "64", "-o", "out.h5", driver=SKETCH_QUALITY)
        with h5py.File(self.folder / "out.h5") as file:
            got = {n: d[()] for n, d in file.items() if isinstance(d, h5py.Dataset)}
        for k, draws in enumerate(sketches):
            values = np.array([np.linalg.svd(s, compute_uv=False) for s in draws])
            for name, expected in (("smallest_by_draw", values[:, -1]),
                                   ("largest_by_draw", values[:, 0]), ("spectrum", values[0]),
                                   ("smallest", values.min()), ("largest", values.max())):
                np.testing.assert_allclose(got[name][k], expected, rtol=1e-12, atol=1e-12,
                                           err_msg=f"{KINDS[k]} {name}")
        np.testing.assert_array_equal(got["draw"], SEED + np.arange(DRAWS))
        np.testing.assert_array_equal(got["direction"], 1 + np.arange(COLUMNS))
        for name, q in (("p50", 0.5), ("p99", 0.99), ("max", 1)):
            np.testing.assert_allclose(got[f"coordinate_{name}"],
                                       np.quantile(got["coordinate_by_draw"], q, axis=1), rtol=1e-14)
        self.assertGreater(np.ptp(got["largest_by_draw"]), 0.1)  # not all the same sketch


if __name__ == "__main__":
    main()
