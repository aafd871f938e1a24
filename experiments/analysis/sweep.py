# SPDX-License-Identifier: BSD-2-Clause
"""Option files for a parameter sweep.

    ./lathe sweep -d results/sweep matrix_norm -gen gaussian -n 1000,2000,4000 -seed 1,2,3

Every comma-separated value list expands; the product of all lists is written as DIR/0001.opt, …, with
DIR/sweep.csv (one row a run) and DIR/slurm.sh (an array job that runs them). Lists that belong to one
value (-kernel 3,3) are written with colons in place of commas: -kernel 3:3.
"""
import argparse
import csv
import hashlib
import itertools
import pathlib


def expand(words):
    """[(option, [values])] of a command line like -a 1,2 -flag -b x."""
    options = []
    for word in words:
        is_option = word.startswith("-") and not word[1:2].isdigit()
        if is_option:
            options.append((word, []))
        elif not options:
            raise SystemExit(f"sweep: '{word}' comes before any option")
        else:
            options[-1] = (options[-1][0], [v.replace(":", ",") for v in word.split(",")])
    return options


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", "--directory", default="results/sweep", type=pathlib.Path)
    parser.add_argument("driver")
    parser.add_argument("options", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    options = expand(arguments.options)
    folder = arguments.directory
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, values in enumerate(itertools.product(*(v or [""] for _, v in options)), 1):
        lines = [f"{name} {value}".strip() for (name, _), value in zip(options, values)]
        digest = hashlib.sha256("\n".join([arguments.driver, *lines]).encode()).hexdigest()[:12]
        output = folder / f"{arguments.driver}-{digest}.h5"
        (folder / f"{number:04d}.opt").write_text("\n".join([*lines, f"-o {output}"]) + "\n")
        rows.append([f"{number:04d}", *values, str(output)])
    with open(folder / "sweep.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["run", *(name.lstrip("-") for name, _ in options), "output"])
        writer.writerows(rows)
    (folder / "slurm.sh").write_text(f"""#!/bin/sh
#SBATCH --array=1-{len(rows)}
#SBATCH --signal=USR1@120
run=$(printf %04d "$SLURM_ARRAY_TASK_ID")
exec srun build/bin/{arguments.driver} -options_file {folder}/$run.opt -restart
""")
    print(f"{len(rows)} runs in {folder}; one of them: "
          f"mpiexec -n 2 build/bin/{arguments.driver} -options_file {folder}/0001.opt")


if __name__ == "__main__":
    main()
