# SPDX-License-Identifier: BSD-2-Clause
"""Write the inputs of PETSc's own examples in PETSc's binary format into the current folder: `kernel`, a
Gaussian kernel matrix of order 300 with a right-hand side, and `fit`, powers of 200 points and a sine."""
import math
import random
import struct


def write(name, columns, rows, vector):
    """A sparse matrix by rows of (column, value), then a vector."""
    entries = [entry for row in rows for entry in row]
    with open(name, "wb") as out:
        out.write(struct.pack(">4i", 1211216, len(rows), columns, len(entries)))
        out.write(struct.pack(f">{len(rows)}i", *map(len, rows)))
        out.write(struct.pack(f">{len(entries)}i", *(j for j, _ in entries)))
        out.write(struct.pack(f">{len(entries)}d", *(v for _, v in entries)))
        out.write(struct.pack(f">2i{len(vector)}d", 1211214, len(vector), *vector))


def kernel(x, y):
    return math.exp(-sum((a - b) ** 2 for a, b in zip(x, y)) / 18)


random.seed(1)
points = [[random.gauss(0, 1) for _ in range(3)] for _ in range(300)]
write("kernel", 300,
      [[(j, kernel(x, y) + (1e-4 if i == j else 0)) for j, y in enumerate(points)]
       for i, x in enumerate(points)], [random.gauss(0, 1) for _ in points])
times = [i / 199 for i in range(200)]
write("fit", 8, [[(j, t**j) for j in range(8)] for t in times], [math.sin(3 * t) for t in times])
