# SPDX-License-Identifier: BSD-2-Clause
"""Run the benchmarks and collect their lines: bench.py [--update-readme] [NAME …]

Every build/bin/bench_NAME prints, besides its own table, lines of two kinds, fields apart by tabs:
  BENCH     name  size   ours [s]  peer  peer [s]  ratio  bar
  ACCURACY  name  cases  worst  unit  bound  peer  worst of the peer
The tables go to the terminal, results/bench.h5 and, on request, README.md between its markers.
"""
import argparse
import pathlib
import subprocess
import sys

import h5py
import numpy as np
import lathe_analysis as la

# For each kind of line: its dimension in the file, its heading, and a column a field: variable,
# units (None: text), long_name, heading.
TABLES = {
    "BENCH": ("case", [
        ("name", None, "what is computed", "benchmark"),
        ("size", None, "size of the problem", "size"),
        ("seconds", "s", "median processor time of lathe", "lathe [s]"),
        ("peer", None, "what lathe is compared with", "peer"),
        ("peer_seconds", "s", "median processor time of the peer", "peer [s]"),
        ("ratio", "1", "median of the peer's time over lathe's, run by run", "ratio"),
        ("bar", "1", "ratio that must be reached; 0: none", "bar")]),
    "ACCURACY": ("accuracy_case", [
        ("accuracy_name", None, "what is computed", "quantity"),
        ("accuracy_cases", None, "inputs and reference", "cases"),
        ("worst", "1", "worst error of lathe, in the unit of its row", "worst error"),
        ("accuracy_unit", None, "unit of the errors of a row", "unit"),
        ("bound", "1", "documented bound", "bound"),
        ("accuracy_peer", None, "what lathe is compared with", "peer"),
        ("peer_worst", "1", "worst error of the peer on the same cases", "peer's worst")]),
}


def run(program):
    """The lines of one benchmark by kind; its whole output goes to the terminal."""
    rows = {kind: [] for kind in TABLES}
    process = subprocess.Popen([str(program)], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        kind, *fields = line.rstrip("\n").split("\t")
        if kind in rows:
            fields = ["" if f == "nan" else f for f in fields]  # no peer, no bar
            rows[kind].append((fields + [""] * 7)[:7])
        else:
            print(line, end="", flush=True)
    if process.wait() != 0:
        sys.exit(f"{program}: exit status {process.returncode}")
    return rows


def dimension(file, name, size):
    scale = file.create_dataset(name, shape=(size,), dtype=">f4", track_times=False)
    scale.make_scale(f"This is a netCDF dimension but not a netCDF variable. {size:10d}")
    return scale


def write_table(file, dim, columns, rows):
    """One variable a column along `dim`; text as characters in UTF-8."""
    along = dimension(file, dim, len(rows))
    for (name, units, long_name, _), values in zip(columns, zip(*rows)):
        if units is None:
            encoded = [v.encode() for v in values]
            length = max(1, *map(len, encoded))
            chars = np.array([list(v.ljust(length, b"\0")) for v in encoded], dtype=np.uint8)
            data = file.create_dataset(name, data=chars.view("S1"), track_times=False)
            data.dims[1].attach_scale(dimension(file, f"{name}_length", length))
            data.attrs["_Encoding"] = np.bytes_(b"utf-8")
        else:
            numbers = [float(v) if v.strip() else np.nan for v in values]
            data = file.create_dataset(name, data=np.array(numbers), track_times=False)
            data.attrs["units"] = np.bytes_(units.encode())
        data.dims[0].attach_scale(along)
        data.attrs["long_name"] = np.bytes_(long_name.encode())


def write(rows, path):
    """The tables as a result file that every netCDF reader opens."""
    with h5py.File(path, "w", track_order=True) as file:
        for name, value in (("Conventions", "CF-1.10"), ("title", "Accuracy and speed beside peers"),
                            ("source", "lathe"), ("references", "README.md"), ("history", ""),
                            ("lathe_schema", "1.0"), ("experiment", "bench"),
                            ("status", "complete"), ("seed", "0"), ("repro_class", "R2")):
            file.attrs[name] = np.bytes_(value.encode())
        file.attrs["converged"] = np.int8(1)
        for group in ("input", "options", "provenance"):
            file.create_group(group)
        for kind, (dim, columns) in TABLES.items():
            if rows[kind]:
                write_table(file, dim, columns, rows[kind])


def update_readme(rows, path):
    """Put each table between its markers; a kind without rows keeps what stands there."""
    text = path.read_text(encoding="utf-8")
    for kind, (_, columns) in TABLES.items():
        begin, end = (f"<!-- {kind.lower()} {which} -->" for which in ("begin", "end"))
        if not rows[kind]:
            continue
        header = [heading for *_, heading in columns]
        lines = ["| " + " | ".join(r) + " |" for r in [header, ["---"] * len(header), *rows[kind]]]
        head, tail = text.index(begin) + len(begin), text.index(end)
        text = text[:head] + "\n" + "\n".join(lines) + "\n" + text[tail:]
    path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="default: all")
    parser.add_argument("--update-readme", action="store_true")
    arguments = parser.parse_args()
    programs = sorted(pathlib.Path("build/bin").glob("bench_*"))
    if arguments.names:
        programs = [p for p in programs if p.name.removeprefix("bench_") in arguments.names]
    if not programs:
        sys.exit("no benchmark of that name in build/bin")
    found = [run(program) for program in programs]
    rows = {kind: [row for f in found for row in f[kind]] for kind in TABLES}
    if not any(rows.values()):
        sys.exit("the benchmarks printed no result line")
    for kind, (_, columns) in TABLES.items():
        if rows[kind]:
            print("\n" + la.text_table([heading for *_, heading in columns], rows[kind]))
    write(rows, "results/bench.h5")
    if arguments.update_readme:
        update_readme(rows, pathlib.Path("README.md"))


if __name__ == "__main__":
    main()
