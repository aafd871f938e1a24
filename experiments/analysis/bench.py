# SPDX-License-Identifier: BSD-2-Clause
"""Run the benchmarks and collect their lines: bench.py [--update-readme] [NAME …]

Every build/bin/bench_NAME prints, besides its own table, lines of two kinds, fields apart by tabs:
  BENCH     name  size   ours [s]  peer  peer [s]  ratio  bar
  ACCURACY  name  cases  worst  unit  bound  peer  worst of the peer
The tables go to the terminal and to results/bench.h5. On request also to tests/bench/README.md, one
section a program, and from there to README.md between its markers: of each program and peer the ratio
that is nearest to its bar, and every accuracy. Sections of programs that were not run stay. Ratios
below their bar, errors above their bound and benchmarks that end with an error are named at the end;
what was measured is kept.
"""
import argparse
import pathlib
import re
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


PARALLEL = {"conv_norm", "least_squares", "vmf_fit"}  # with mpiexec they measure the efficiency of their ranks


def commands(program):
    """As it is, and on 2 ranks where it has something to say about them."""
    yield [str(program)]
    if program.name.removeprefix("bench_") in PARALLEL:
        yield ["mpiexec", "-n", "2", str(program)]


def run(command):
    """The lines of one benchmark by kind, and its status; its other output goes to the terminal."""
    rows = {kind: [] for kind in TABLES}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        kind, *fields = line.rstrip("\n").split("\t")
        if kind in rows:
            fields = ["" if f == "nan" else f for f in fields]  # no peer, no bar
            rows[kind].append((fields + [""] * 7)[:7])
        else:
            print(line, end="", flush=True)
    return rows, process.wait()


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


def readable(columns, row):
    """Numbers with three digits."""
    return [f"{float(value):.3g}" if units and value.strip() else value
            for (_, units, *_), value in zip(columns, row)]


def markdown(columns, rows):
    header = [heading for *_, heading in columns]
    return "".join("| " + " | ".join(row) + " |\n" for row in [header, ["---"] * len(header), *rows])


def sections(text):
    """Text before the first section of a page, and each section by its heading."""
    first, *others = re.split(r"^## ", text, flags=re.MULTILINE)
    return first, dict(part.split("\n", 1) for part in others)


def table_rows(section, heading):
    """Cells of the table in `section` whose first column has this heading."""
    rows, inside = [], False
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif inside and cells[0] != "---":
            rows.append(cells)
        inside = inside or (line.startswith("|") and cells[0] == heading)
    return rows


def update_page(rows_of, path):
    """One section for each program of `rows_of`, others as they are; every section in order."""
    first, old = sections(path.read_text(encoding="utf-8"))
    for program, rows in rows_of.items():
        tables = [markdown(columns, [readable(columns, row) for row in rows[kind]])
                  for kind, (_, columns) in TABLES.items() if rows[kind]]
        if tables:
            old[program] = "\n" + "\n".join(tables) + "\n"
    pages = [f"## {program}\n{old[program].rstrip()}\n" for program in sorted(old)]
    path.write_text(first.rstrip() + "\n\n" + "\n".join(pages), encoding="utf-8")
    return dict(sorted(old.items()))


def nearest_to_bar(rows):
    """Of each peer the row whose ratio is nearest to its bar."""
    found = {}
    for row in rows:
        peer, ratio, bar = row[3], row[5], row[6]
        if bar and float(bar) > 0 and (
                peer not in found or float(ratio) / float(bar) < found[peer][0]):
            found[peer] = (float(ratio) / float(bar), row)
    return [row for _, row in found.values()]


def update_readme(all_sections, path):
    """The tables between their markers, from the sections of the full page."""
    text = path.read_text(encoding="utf-8")
    for kind, (_, columns) in TABLES.items():
        rows = []
        for section in all_sections.values():
            found = table_rows(section, columns[0][3])
            rows += nearest_to_bar(found) if kind == "BENCH" else found
        begin, end = (f"<!-- {kind.lower()} {which} -->" for which in ("begin", "end"))
        head, tail = text.index(begin) + len(begin), text.index(end)
        text = text[:head] + "\n" + markdown(columns, rows) + text[tail:]
    path.write_text(text, encoding="utf-8")


def missed(rows):
    """What each row below its bar or above its bound says."""
    return ([f"{name} {size}: {ratio} times {peer}, bar {bar}"
             for name, size, _, peer, _, ratio, bar in rows["BENCH"]
             if bar.strip() and not float(ratio) >= float(bar)]
            + [f"{name}, {cases}: {worst}, bound {bound}"
               for name, cases, worst, _, bound, *_ in rows["ACCURACY"]
               if bound.strip() and not float(worst) <= float(bound)])


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
    rows, rows_of, failed = {kind: [] for kind in TABLES}, {}, []
    for program in programs:
        of_program = rows_of[program.name.removeprefix("bench_")] = {kind: [] for kind in TABLES}
        for command in commands(program):
            found, status = run(command)
            for kind, more in found.items():
                rows[kind] += more
                of_program[kind] += more
            if status != 0:
                failed.append(f"{' '.join(command)}: exit status {status}")
    if not any(rows.values()):
        sys.exit("the benchmarks printed no result line")
    for kind, (_, columns) in TABLES.items():
        if rows[kind]:
            print("\n" + la.text_table([heading for *_, heading in columns], rows[kind]))
    write(rows, "results/bench.h5")
    if arguments.update_readme:
        update_readme(update_page(rows_of, pathlib.Path("tests/bench/README.md")),
                      pathlib.Path("README.md"))
    failed += missed(rows)
    if failed:
        sys.exit("\n".join(["missed or failed:", *failed]))


if __name__ == "__main__":
    main()
