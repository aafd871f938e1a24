#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# selftest.sh EXECUTABLE: one failing rank must end a job of three within 10 s and say its name.
set -u
export LATHE_TEST_PATIENCE=3
check() { # check TAG PATTERN…
  local tag=$1 start=$SECONDS output status
  shift
  output=$(timeout 60 mpiexec -n 3 "$executable" "$tag" --use-colour no 2>&1)
  status=$?
  local seconds=$((SECONDS - start))
  for pattern in "$@"; do
    if ! grep -q -- "$pattern" <<<"$output"; then
      printf 'FAILED: %s does not say "%s":\n%s\n' "$tag" "$pattern" "$output" >&2
      exit 1
    fi
  done
  if [ $status -eq 0 ] || [ $seconds -gt 10 ]; then
    printf 'FAILED: %s ended with status %s after %s s\n' "$tag" $status $seconds >&2
    exit 1
  fi
  echo "ok: $tag status $status after $seconds s"
}
executable=$1
check "[fail]" "\[rank 1\] left test" "1 + 1 == 3"
check "[dead]" "\[rank 1\] left test" "only here"
check "[petsc]" "\[1\]PETSC ERROR:.*value 7 on rank 1" "FailOnRankOne"
