#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Peer of bench_sketch_apply: scipy.linalg.clarkson_woodruff_transform, processor time a line."""
import sys
import time

import numpy as np
from scipy.linalg import clarkson_woodruff_transform

print("ready", flush=True)
matrix = None
for line in sys.stdin:
    word, *values = line.split()
    if word == "matrix":
        order, m, n = values[0], int(values[1]), int(values[2])
        matrix = np.asarray(np.random.default_rng(1).standard_normal((m, n)), order=order)
        print("ok", flush=True)
    else:
        start = time.process_time()
        clarkson_woodruff_transform(matrix, int(values[0]), seed=1)
        print(time.process_time() - start, flush=True)
