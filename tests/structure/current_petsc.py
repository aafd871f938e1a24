#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Does the code compile against another PETSc and SLEPc than the installed ones? A check by hand:

    current_petsc.py PETSC_SOURCE SLEPC_SOURCE [PART OF A FILE NAME …]

The folders are checkouts of any version from 3.18 to today, not configured. The configuration comes
from the installed headers, with what newer ones ask of it; every source runs through the compiler
alone, as a syntax check with warnings as errors."""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

GENERATED = ["petscconf.h", "petscconf_poison.h", "petscpkg_version.h", "petscfix.h", "slepcconf.h"]
# What configure writes since 3.18 and the sources need: deprecation macros got a suffix, the MPI a name.
ADDED = {"petscconf.h": """
#define PETSC_DEPRECATED_OBJECT_BASE(why) __attribute__((deprecated(why)))
#define PETSC_HAVE_OPENMPI 1
""", "petscpkg_version.h": """
#define PETSC_PKG_OPENMPI_VERSION_GT(major, minor, subminor) 0
#define PETSC_PKG_OPENMPI_VERSION_LT(major, minor, subminor) 0
"""}


def installed(words):
    """The include folders of the installed PETSc and SLEPc in a command line."""
    return [word for word in words if re.search(r"/(petsc|slepc)dir/[^ ]*/include$", word)]


def configuration(words, folder):
    """Writes the generated headers of an unconfigured checkout."""
    for name in GENERATED:
        source = next(p for d in installed(words) if (p := pathlib.Path(d, name)).is_file())
        text = re.sub(r"(#define PETSC_DEPRECATED_\w+)\(", r"\1_BASE(", source.read_text())
        (folder / name).write_text(text + ADDED.get(name, ""))


def main(petsc, slepc, *parts):
    root = pathlib.Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as scratch:
        build = pathlib.Path(scratch, "build")
        subprocess.run(["cmake", "-S", root, "-B", build, "-G", "Ninja", "-DLATHE_PRECOMPILE=OFF",
                        "-DLATHE_UNITY=OFF"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", build, "--target", "lathe_build_info"], check=True,
                       stdout=subprocess.DEVNULL)
        commands = [entry for entry in json.loads((build / "compile_commands.json").read_text())
                    if not parts or any(part in entry["file"] for part in parts)]
        configuration(shlex.split(commands[0]["command"]), pathlib.Path(scratch))
        folders = [scratch, f"{petsc}/include", f"{slepc}/include"]

        def check(entry):
            words = shlex.split(entry["command"])
            for old in installed(words):
                at = words.index(old)
                del words[at - 1:at + 1]  # -isystem FOLDER
            at = words.index("-o")
            del words[at:at + 2]
            words[words.index("-c")] = "-fsyntax-only"
            words += [word for folder in folders for word in ("-isystem", folder)]
            done = subprocess.run(words, cwd=entry["directory"], capture_output=True, text=True)
            return entry["file"] if done.returncode else None, done.stderr

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(check, commands))
    failed = [name for name, _ in results if name]
    for name, errors in results:
        if name:
            print(f"FAILED: {pathlib.Path(name).relative_to(root)}\n{errors}")
    print(f"{len(results) - len(failed)} sources compile, {len(failed)} do not")
    return bool(failed)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
