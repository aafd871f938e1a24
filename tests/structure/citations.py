#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every key given to Cite() stands in references.bib, and every entry is cited: citations.py SOURCE."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1]).resolve()
entries = re.findall(r"^@\w+\{(\w+),", (root / "algorithms/references.bib").read_text(), re.M)
cited = {}
for path in sorted(p for top in ("algorithms", "solvers") for p in (root / top).rglob("*.cpp")):
    for keys in re.findall(r'\bCite\(\s*((?:"[^"]*"\s*)+)\)', path.read_text()):
        for key in "".join(re.findall(r'"([^"]*)"', keys)).split():
            cited.setdefault(key, path.relative_to(root))
problems = [f"{path}: {key} is not in references.bib" for key, path in cited.items()
            if key not in entries]
problems += [f"references.bib: no algorithm cites {key}" for key in entries if key not in cited]
problems += [f"references.bib: {key} stands twice" for key in set(entries) if entries.count(key) > 1]
print("\n".join(problems) or f"{len(entries)} entries, all cited")
sys.exit(bool(problems) or not entries)
