#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernels have the same bits from every compiler, optimisation and instruction set:
# compilers.sh CXX SOURCE_FOLDER
set -euo pipefail
cxx=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

failed=0
reference=
check() { # check NAME COMPILER FLAG …
  local name=$1 hash
  shift
  "$@" -std=c++20 -ffp-contract=off -fno-math-errno -I "$source/algorithms" \
    "$source/tests/unit/bessel/hash.cpp" -o "$work/hash"
  hash=$("$work/hash")
  printf '%s %s\n' "$hash" "$name"
  reference=${reference:-$hash}
  [[ $hash == "$reference" ]] || failed=1
}

check "$cxx -O2" "$cxx" -O2
# shellcheck disable=SC2046
if grep -q ' fma ' /proc/cpuinfo 2>/dev/null; then
  check "$cxx -O3 -mavx2 -mfma" "$cxx" -O3 -mavx2 -mfma
  vector=(-mavx2 -mfma)
else
  vector=()
fi
if command -v clang++ >/dev/null; then
  check "clang++ -O2 ${vector[*]}" clang++ -O2 "${vector[@]}"
else
  echo "clang++ is not installed: not compared"
fi
exit $failed
