# SPDX-License-Identifier: BSD-2-Clause
"""SciPy's log I and log K for the benchmark that starts this: scipy_log_bessel.py POINTS RESULT

POINTS holds v, then x, as doubles. Each line read from stdin, i or k, is answered with the processor
seconds that all points took; the values of the last answer are in RESULT.
"""
import sys
import time

import numpy as np
from scipy import special

v, x = np.fromfile(sys.argv[1]).reshape(2, -1)
functions = {"i": lambda: np.log(special.ive(v, x)) + x, "k": lambda: np.log(special.kve(v, x)) - x}
np.seterr(all="ignore")
for line in sys.stdin:
    start = time.process_time()
    values = functions[line.strip()]()
    seconds = time.process_time() - start
    values.tofile(sys.argv[2])
    print(seconds, flush=True)
