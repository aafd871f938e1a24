#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Every log-Bessel function has the same bits from every instruction set of the library and from
# clang: compilers.sh HASH_PROGRAM SOURCE_FOLDER, the program being hash.cpp linked to the library.
set -euo pipefail
program=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$program" >"$work/hashes"
if command -v clang++ >/dev/null; then
  flags=(-std=c++20 -O2 -ffp-contract=off -fno-math-errno -fopenmp-simd -I "$source/algorithms" -I "$source/tests")
  if grep -q ' fma ' /proc/cpuinfo 2>/dev/null; then flags+=(-mavx2 -mfma); fi
  for part in scalar batch derivatives; do
    clang++ "${flags[@]}" -DLATHE_BESSEL_ISA=${part}_generic -c "$source/algorithms/bessel/isa_$part.cpp" \
      -o "$work/$part.o"
  done
  clang++ "${flags[@]}" -DLATHE_BESSEL_OWN "$source/tests/unit/bessel/hash.cpp" "$work"/*.o -o "$work/own"
  "$work/own" >>"$work/hashes"
else
  echo "clang++ is not installed: not compared"
fi
# One hash for each function, however many tables and compilers have printed it.
sort -u "$work/hashes"
different=$(sort -u "$work/hashes" | cut -d' ' -f1 | uniq -d)
if [[ -n $different ]]; then
  printf 'FAILED: other bits for\n%s\n' "$different"
  exit 1
fi
