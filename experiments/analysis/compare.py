# SPDX-License-Identifier: BSD-2-Clause
"""What differs between two result files: compare.py A.h5 B.h5

Numbers: the largest relative difference of each variable. Options and root attributes: both values.
Times and provenance are not compared. Exit status 1 when something differs.
"""
import sys

import lathe_analysis as la
import numpy as np

SKIP_ROOT = {"history"}


def difference(a, b):
    """'' when equal, else what differs."""
    if a.values.shape != b.values.shape:
        return f"shape {a.values.shape} against {b.values.shape}"
    if a.values.dtype == object or b.values.dtype == object:
        count = int(np.sum(a.values != b.values))
        return f"{count} of {a.values.size} texts differ" if count else ""
    same = (a.values == b.values) | ((a.values != a.values) & (b.values != b.values))
    if np.all(same):
        return ""
    scale = np.maximum(np.abs(a.values), np.abs(b.values)).astype(float)
    apart = np.abs(a.values.astype(float) - b.values.astype(float))
    worst = np.nanmax(np.divide(apart, scale, out=np.zeros_like(apart), where=scale > 0))
    return f"{int(np.sum(~same))} of {same.size} values differ, relative difference up to {worst:.2e}"


def main(paths):
    if len(paths) != 2:
        sys.exit("usage: ./lathe compare A.h5 B.h5")
    a, b = (la.load_or_exit(p) for p in paths)
    lines = []
    for name in sorted(set(a.variables) | set(b.variables)):
        if name.startswith("timing/") or name == "seconds" or name.endswith("_seconds"):
            continue
        if name not in a or name not in b:
            lines.append(f"{name}: only in {paths[0] if name in a else paths[1]}")
        elif text := difference(a[name], b[name]):
            lines.append(f"{name}: {text}")
    for title, left, right in (("root", a.attrs, b.attrs),
                               ("option", a.groups.get("options", {}), b.groups.get("options", {}))):
        for key in sorted(set(left) | set(right)):
            if key not in SKIP_ROOT and left.get(key) != right.get(key):
                lines.append(f"{title} {key}: {left.get(key)} against {right.get(key)}")
    print("\n".join(lines) if lines else "no difference")
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
