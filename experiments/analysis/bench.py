# SPDX-License-Identifier: BSD-2-Clause
"""Run the benchmarks and collect their lines: bench.py [--update-readme] [NAME …]

Every build/bin/bench_NAME prints, besides its own table, lines
  BENCH<tab>name<tab>size<tab>ours [s]<tab>peer<tab>peer [s]<tab>ratio<tab>bar
The table goes to the terminal, results/bench.h5 and, on request, README.md between its markers.
"""
import argparse
import pathlib
import subprocess
import sys

import h5py
import numpy as np
import lathe_analysis as la

MARKERS = ("<!-- bench begin -->", "<!-- bench end -->")


def run(program):
    """The BENCH lines of one benchmark; its whole output goes to the terminal."""
    rows = []
    process = subprocess.Popen([str(program)], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("BENCH\t"):
            rows.append(line.rstrip("\n").split("\t")[1:8])
        else:
            print(line, end="", flush=True)
    if process.wait() != 0:
        sys.exit(f"{program}: exit status {process.returncode}")
    return rows


def dimension(file, name, size):
    scale = file.create_dataset(name, shape=(size,), dtype=">f4", track_times=False)
    scale.make_scale(f"This is a netCDF dimension but not a netCDF variable. {size:10d}")
    return scale


def write(rows, path):
    """The table as a result file that every netCDF reader opens."""
    columns = list(zip(*rows))
    with h5py.File(path, "w", track_order=True) as file:
        for name, value in (("Conventions", "CF-1.10"), ("title", "Speed against peers"),
                            ("source", "lathe"), ("references", "README.md"), ("history", ""),
                            ("lathe_schema", "1.0"), ("experiment", "bench"),
                            ("status", "complete"), ("seed", "0"), ("repro_class", "R2")):
            file.attrs[name] = np.bytes_(value.encode())
        file.attrs["converged"] = np.int8(1)
        for group in ("input", "options", "provenance"):
            file.create_group(group)
        case = dimension(file, "case", len(rows))
        for name, values in zip(("name", "size", "peer"), (columns[0], columns[1], columns[3])):
            encoded = [v.encode() for v in values]
            length = max(map(len, encoded))
            scale = dimension(file, f"{name}_length", length)
            chars = np.array([list(v.ljust(length, b"\0")) for v in encoded], dtype=np.uint8)
            data = file.create_dataset(name, data=chars.view("S1"), track_times=False)
            data.dims[0].attach_scale(case)
            data.dims[1].attach_scale(scale)
            data.attrs["_Encoding"] = np.bytes_(b"utf-8")
            data.attrs["long_name"] = np.bytes_(f"{name} of the benchmark".encode())
        numbers = (("seconds", 2, "s", "median time of lathe"),
                   ("peer_seconds", 4, "s", "median time of the peer"),
                   ("ratio", 5, "1", "median of the peer's time over lathe's, run by run"),
                   ("bar", 6, "1", "ratio that must be reached"))
        for name, column, units, long_name in numbers:
            values = [float(v) if v.strip() else np.nan for v in columns[column]]
            data = file.create_dataset(name, data=np.array(values), track_times=False)
            data.dims[0].attach_scale(case)
            data.attrs["units"] = np.bytes_(units.encode())
            data.attrs["long_name"] = np.bytes_(long_name.encode())


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
    rows = [row for program in programs for row in run(program)]
    if not rows:
        sys.exit("the benchmarks printed no result line")
    header = ["benchmark", "size", "lathe [s]", "peer", "peer [s]", "ratio", "bar"]
    print("\n" + la.text_table(header, rows))
    write(rows, "results/bench.h5")
    if arguments.update_readme:
        lines = ["| " + " | ".join(r) + " |" for r in [header, ["---"] * len(header), *rows]]
        readme = pathlib.Path("README.md")
        text = readme.read_text(encoding="utf-8")
        begin, end = text.index(MARKERS[0]) + len(MARKERS[0]), text.index(MARKERS[1])
        readme.write_text(text[:begin] + "\n" + "\n".join(lines) + "\n" + text[end:],
                          encoding="utf-8")


if __name__ == "__main__":
    main()
