#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Checks of the text itself: tests/lint.sh format|text|tidy|analyse|clang
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t code < <(git ls-files '*.h' '*.c' '*.cpp')

format() { clang-format-14 --dry-run --Werror "${code[@]}"; }

# Spelling; house limits (a file is one idea: at most 500 lines, 100 columns, counted in characters
# since formulas are written in Unicode); licence lines; no path that exists on one machine only.
text() {
  codespell --quiet-level 3 --skip './build,./results,./.git,./data,./tests/reference,*.svg' \
    --ignore-words-list 'fo,te,ba,nd,ser,ue,inout,strat,hist'
  python3 - "${code[@]}" <<'PYTHON'
import re
import subprocess
import sys

problems = []
for name in sys.argv[1:]:
    lines = open(name, encoding="utf-8").read().splitlines()
    if "SPDX-License-Identifier: BSD-2-Clause" not in lines[0]:
        problems.append(f"{name}: no SPDX line")
    if len(lines) > 500:
        problems.append(f"{name}: {len(lines)} lines, more than 500")
    problems += [f"{name}:{i}: {len(l)} columns, more than 100"
                 for i, l in enumerate(lines, 1) if len(l) > 100]
machine_path = re.compile(r"(?<![\w.$})>])/(home|root|work|tmp|mnt|media|srv|Users)/\w")
for name in subprocess.check_output(["git", "ls-files", "-z"], text=True).split("\0")[:-1]:
    try:
        lines = open(name, encoding="utf-8").read().splitlines()
    except (UnicodeDecodeError, FileNotFoundError):
        continue  # data, or deleted and not yet committed
    problems += [f"{name}:{i}: names a path of one machine: {l.strip()}"
                 for i, l in enumerate(lines, 1) if machine_path.search(l)]
sys.exit("\n".join(problems) or None)
PYTHON
}

# clang_commands FOLDER: FOLDER/compile_commands.json, every source alone as clang reads it. Precompiled
# headers and sources compiled together would hide a forgotten include.
clang_commands() {
  cmake -S . -B "$1" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
    -DLATHE_PRECOMPILE=OFF -DLATHE_UNITY=OFF >"$1/configure.log" 2>&1 || {
    cat "$1/configure.log"
    return 1
  }
  cmake --build "$1" --target lathe_build_info >/dev/null # the one header that a build writes
}

# clang-tidy OPTION … over every source but the tests'; any finding, and any warning of clang, is an error.
run_tidy() {
  local scratch sources
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"; trap - RETURN' RETURN # else it would run for the caller too
  clang_commands "$scratch"
  mapfile -t sources < <(python3 -c '
import json, sys
for entry in json.load(open(sys.argv[1] + "/compile_commands.json")):
    if "/tests/" not in entry["file"] or "/tests/bench/" in entry["file"]: print(entry["file"])' "$scratch" | sort -u)
  printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 1 clang-tidy-14 -p "$scratch" --quiet "$@" 2>/dev/null
}
tidy() { run_tidy '--checks=-clang-analyzer-*'; }
# With the path-sensitive analyser: four times as long.
analyse() { run_tidy; }

# Every source once more through clang++, warnings as errors; no code is generated.
clang() {
  local scratch
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"; trap - RETURN' RETURN # else it would run for the caller too
  clang_commands "$scratch"
  python3 - "$scratch" <<'PYTHON' | xargs -P "$(nproc)" -d '\n' -n 1 bash -c
import json, shlex, sys
for entry in json.load(open(sys.argv[1] + "/compile_commands.json")):
    words = shlex.split(entry["command"])
    output = words.index("-o")
    del words[output:output + 2]
    words.remove("-c")
    print("cd", shlex.quote(entry["directory"]), "&&", shlex.join(words), "-fsyntax-only")
PYTHON
}

"$@"
