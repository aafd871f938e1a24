# SPDX-License-Identifier: BSD-2-Clause
"""Print the results of files as tables: summary.py FILE.h5 …"""
import sys

import lathe_analysis as la

KEEP = ("name", "type", "lower", "upper", "certificate", "method")


def main(paths):
    for path in paths:
        result = la.load_or_exit(path)
        print(f"\n{result.attrs.get('title', path)}  [{path}, {result.attrs.get('status', '?')}]")
        if "layer" in result:
            header, rows = la.table(result, "layer")
            names = [h.split(" ")[0] for h in header]
            keep = [names.index(name) for name in KEEP if name in names]
            print(la.text_table([header[i] for i in keep], [[r[i] for i in keep] for r in rows]))
        for name, variable in result.scalars().items():
            print(f"  {name:<22} {la.format_number(variable.values.item())}")


if __name__ == "__main__":
    main(sys.argv[1:])
