#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Direction of dependence, read from the #include lines: includes.py SOURCE_FOLDER.

core <- families <- solvers <- drivers; tests see everything and nothing sees tests. Only the drivers
know HDF5. A family uses another one only where algorithms/README.md says "`A` uses `B`", and what it
says is true. Each family has its README.md and its row in that table."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1]).resolve()
ROOTS = [root / "algorithms", root / "solvers", root / "experiments", root / "tests", root]
ALLOWED = {
    "algorithms": {"algorithms"},
    "solvers": {"algorithms", "solvers"},
    "experiments": {"algorithms", "solvers", "experiments"},
    "tests": {"algorithms", "solvers", "experiments", "tests"},
}
families = {p.name for p in (root / "algorithms").iterdir() if p.is_dir()} - {"core"}
readme = (root / "algorithms" / "README.md").read_text()
declared = {pair for pair in re.findall(r"`(\w+)` uses `(\w+)`", readme) if families & set(pair)}
unused = set(declared)

problems = [f"algorithms/{name}: no README.md" for name in sorted(families)
            if not (root / "algorithms" / name / "README.md").is_file()]
problems += [f"algorithms/README.md: no row for {name}" for name in sorted(families)
             if f"]({name}/README.md)" not in readme]
count = 0
for path in sorted(p for top in ALLOWED for p in (root / top).rglob("*")
                   if p.suffix in (".h", ".hpp", ".c", ".cpp")):
    where = path.relative_to(root).parts
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        count += 1
        name = match.group(2)
        report = f"{path.relative_to(root)}:{number}: "
        if re.match(r"(hdf5|H5\w*|petscviewerhdf5)\.h", name) and where[0] in ("algorithms", "solvers"):
            problems.append(report + f"{name}: only the drivers know HDF5")
        target = next((b / name for b in [path.parent, *ROOTS] if (b / name).is_file()), None)
        if match.group(1) == "<" or target is None:
            continue
        to = target.resolve().relative_to(root).parts
        if to[0] not in ALLOWED[where[0]]:
            problems.append(report + f"{where[0]} must not see {to[0]}")
        elif where[0] == to[0] == "algorithms" and len(where) > 2 and len(to) > 2:
            unused.discard((where[1], to[1]))
            if to[1] not in ("core", where[1]) and (where[1], to[1]) not in declared:
                problems.append(report + f"{where[1]} uses {to[1]}, not listed in README.md")
problems += [f"algorithms/README.md: `{a}` uses `{b}` is not true" for a, b in sorted(unused)]
print("\n".join(problems) or f"{count} includes point the right way")
sys.exit(bool(problems) or count == 0)
