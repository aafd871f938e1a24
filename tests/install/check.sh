#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# check.sh CASE PREFIX SOURCE PETSC_PCDIR SLEPC_PCDIR: use an installed lathe from outside its build.
# Everything is compiled in a fresh folder with no PETSC_DIR in the environment.
set -euo pipefail
case_name=$1 prefix=$2 source=$3
pcdirs=$4:$5
unset PETSC_DIR SLEPC_DIR PETSC_ARCH PETSC_OPTIONS
library=$prefix/lib/liblathe.so
[ -e "$library" ] || library=$(find "$prefix" -name liblathe.so | head -1)
pkgconfig=$(dirname "$(find "$prefix" -name lathe.pc | head -1)")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

expect() { # expect PATTERN COMMAND…: the command's output must hold the pattern
  local pattern=$1 output
  shift
  output=$("$@" 2>&1) || true
  if ! grep -q -- "$pattern" <<<"$output"; then
    printf 'FAILED: %s\nexpected: %s\ngot:\n%s\n' "$*" "$pattern" "$output" >&2
    exit 1
  fi
  printf 'ok: %s\n' "$(grep -m1 -- "$pattern" <<<"$output")"
}
# real_expect PATTERN COMMAND…: the same where scalars are real; a complex build must refuse.
[[ $pcdirs == *complex* ]] && scalars=complex || scalars=real
real_expect() {
  local pattern=$1
  shift
  [[ $scalars == real ]] || pattern="real scalars"
  expect "$pattern" "$@"
}
stock() { # stock NAME PKG_CONFIG_PATH: compile a program that knows nothing of lathe
  PKG_CONFIG_PATH=$2 mpicc -O1 "$source/tests/install/stock_$1.c" -o "stock_$1" \
    $(PKG_CONFIG_PATH=$2 pkg-config --cflags --libs SLEPc PETSc) -lm
}

case $case_name in
find_package)
  cp "$source"/tests/install/find_package/* .
  cmake -S . -B out -DCMAKE_PREFIX_PATH="$prefix" >log 2>&1 || { cat log; exit 1; }
  cmake --build out >>log 2>&1 || { cat log; exit 1; }
  expect "bracket right" mpiexec -n 1 out/consumer
  expect "bracket right" mpiexec -n 3 out/consumer
  ;;
pkg_config)
  cp "$source"/tests/install/pkg_config/* .
  PKG_CONFIG_PATH=$pkgconfig make -s
  expect "type right" mpiexec -n 2 ./consumer
  if grep -rlF "$source/" "$prefix"; then echo "FAILED: the installed tree names the source folder" >&2; exit 1; fi
  ;;
options)
  stock ksp "$pcdirs"
  stock svd "$pcdirs"
  stock matern "$pcdirs"
  stock ls "$pcdirs"
  stock sketch "$pcdirs"
  load="-dll_append $library"
  for np in 1 3; do
    run="mpiexec -n $np"
    [[ $np != 1 ]] || run= # saves half a second each
    expect "certifiedchebyshev: CONVERGED_RTOL.*right" $run ./stock_ksp $load \
      -ksp_type certifiedchebyshev -pc_type jacobi -ksp_max_it 500 -ksp_rtol 1e-7
    expect "cg: CONVERGED_RTOL.*right" $run ./stock_ksp $load -pc_type gamg -ksp_type cg \
      -mg_levels_ksp_type certifiedchebyshev -ksp_rtol 1e-7
    for pc in nystrom rpcholesky; do
      real_expect "cg: CONVERGED_RTOL.*right" $run ./stock_ksp $load -ksp_type cg -pc_type $pc -ksp_rtol 1e-8
      real_expect "cg: DIVERGED_PC_FAILED" $run ./stock_ksp $load -ksp_type cg -pc_type $pc -pc_${pc}_mu 9
    done
    for type in sgmres rgsgmres; do
      expect "$type: CONVERGED_RTOL.*right" $run ./stock_ksp $load -ksp_type $type -pc_type bjacobi \
        -ksp_rtol 1e-8
      expect "$type: true residual norm" $run ./stock_ksp $load -ksp_type $type -ksp_converged_reason
    done
    expect "svd gram: converged, value right" $run ./stock_svd $load -svd_type gram
    expect "largest singular value in \[1.99" $run ./stock_svd $load -svd_type gram -svd_view
    expect "one singular triplet, 2 were asked" $run ./stock_svd $load -svd_type gram -svd_nsv 2
    for form in shell dense taper; do
      expect "mat matern: CONVERGED_RTOL, product right, solution right" $run ./stock_matern $load \
        -mat_type matern -mat_matern_nu 0.5 -mat_matern_range 0.25 -mat_matern_form $form \
        -ksp_type cg -pc_type jacobi -ksp_rtol 1e-10
    done
    for kind in sparse_stack gaussian srht block_srht "tensor_sketch -mat_sketch_factors 50,60" \
      "kronecker_srht -mat_sketch_factors 50,60"; do
      expect "mat sketch: norms kept, transpose right, product right" $run ./stock_sketch $load \
        -mat_type sketch -mat_sketch_type $kind
    done
    expect "must be 1 to 64 (-mat_sketch_nnz)" $run ./stock_sketch $load -mat_type sketch \
      -mat_sketch_nnz 0
    expect "it must be > 0 and finite (-mat_matern_nu)" $run ./stock_matern $load \
      -mat_type matern -mat_matern_nu 0
    for type in "pne -mat_type dense" "pne -mat_type aij" "spir -mat_type aij" "fossils"; do
      real_expect "ksp ${type%% *}: CONVERGED_RTOL_NORMAL.*5 of 5 components exact" $run ./stock_ls $load \
        -ksp_type $type
    done
    real_expect "least squares by pne, refine quad: converged, backward error" $run ./stock_ls $load \
      -ksp_type pne -ksp_ls_refine quad -ksp_converged_reason
    export PETSC_OPTIONS="$load -svd_type gram"
    expect "svd gram: converged, value right" $run ./stock_svd
    unset PETSC_OPTIONS
  done
  expect "certifiedchebyshev" mpiexec -n 1 ./stock_ksp $load -help
  expect "-ksp_ls_nnz is 0: it must lie in \[1, 64\]" mpiexec -n 1 ./stock_ls $load -ksp_type pne \
    -ksp_ls_nnz 0
  ;;
examples)
  # Programs that Debian ships with SLEPc and PETSc: svd/ex15 (Lauchli's matrix) and ksp/ex2 (a
  # Laplacian) in every build; ex10 (a system from a file) and ex27 (least squares from a file), whose
  # files are written here, in the plain real one.
  slepc=$(echo /usr/share/slepc/*/share/slepc/examples/src/svd/tutorials)
  petsc=$(echo /usr/share/petsc/*/share/petsc/examples/src/ksp/ksp/tutorials)
  build=$(PKG_CONFIG_PATH=$pcdirs pkg-config --variable=prefix PETSc)
  for file in "$slepc/ex15.c" "$petsc/ex27.c"; do
    if [[ ! -e $file ]]; then
      echo "$file is not installed: this case is left out"
      exit 77
    fi
  done
  example() { # example FOLDER NUMBER
    PKG_CONFIG_PATH=$pcdirs mpicc -O1 "$1/ex$2.c" -o "ex$2" \
      $(PKG_CONFIG_PATH=$pcdirs pkg-config --cflags --libs SLEPc PETSc hdf5-openmpi) -lm
  }
  example "$slepc" 15
  example "$petsc" 2
  load="-dll_append $library"
  for np in 1 3; do
    ex15="mpiexec -n $np ./ex15 $load -n 400 -svd_type gram"
    expect "Solution method: gram" $ex15
    expect "^ *20.000000 " $ex15
    expect "largest singular value in \[19.99999999.*, 20.00000000.*rigorous" $ex15 -svd_view
    ex2="mpiexec -n $np ./ex2 $load -ksp_converged_reason -m 30 -n 30 -ksp_rtol 1e-8 -ksp_type"
    for solver in "certifiedchebyshev -pc_type jacobi -ksp_max_it 1000" "sgmres -pc_type bjacobi" \
      "rgsgmres -pc_type jacobi"; do
      expect "Norm of error [0-9.]*e-0[6-9] iterations" $ex2 $solver
    done
  done
  if [[ $build != *-real || $build == *petsc64* ]]; then exit 0; fi
  example "$petsc" 10
  example "$petsc" 27
  /usr/bin/python3 -B "$source/tests/install/example_systems.py"
  load="$load -ksp_converged_reason"
  for np in 1 3; do
    ex2="mpiexec -n $np ./ex2 $load -m 30 -n 30 -ksp_rtol 1e-8 -ksp_type cg -pc_type"
    for pc in nystrom rpcholesky; do
      expect "Norm of error [0-9.]*e-0[6-9] iterations" $ex2 $pc
    done
    # PETSc alone needs 350 iterations
    ex10="mpiexec -n $np ./ex10 $load -f kernel -ksp_type cg -ksp_rtol 1e-8 -pc_type"
    expect "Number of iterations = 3[0-9][0-9]" $ex10 jacobi
    for pc in nystrom rpcholesky; do
      expect "CONVERGED_RTOL iterations [1-9]$" $ex10 $pc -pc_${pc}_mu 1e-4 -pc_${pc}_rank 100
    done
    ex27="mpiexec -n $np ./ex27 $load -f fit -ksp_rtol 1e-12 -ksp_type"
    for type in pne spir fossils; do
      expect "least squares by $type, refine dd: converged.*, rank 8,.*4.230264655280734" $ex27 $type
    done
    expect "CONVERGED_RTOL_NORMAL iterations [1-9][0-9]*$" $ex27 lsqr -pc_type sketchnormal
    expect "CONVERGED_RTOL iterations [1-9][0-9]*$" $ex27 cg -solve_normal -pc_type sketchnormal
  done
  ;;
petsc4py)
  # Debian keeps one petsc4py beside each build of PETSc.
  PYTHONPATH=$(PKG_CONFIG_PATH=$pcdirs pkg-config --variable=prefix PETSc)/lib/python3/dist-packages
  export PYTHONPATH
  if ! /usr/bin/python3 -c 'import petsc4py' 2>/dev/null; then
    echo "python3-petsc4py for this build of PETSc is not installed: this case is left out"
    exit 77 # skipped
  fi
  if [[ $scalars == complex ]]; then
    echo "half of what it tries is for real scalars, where it runs: this case is left out"
    exit 77
  fi
  /usr/bin/python3 -B "$source/tests/install/petsc4py_check.py" "$library" >output 2>&1 || true
  for pattern in "ksp certifiedchebyshev, pc jacobi: .* right" "ksp cg, pc nystrom: .* right" \
    "ksp cg, pc rpcholesky: .* right" "ksp sgmres, pc none: .* right" \
    "ksp rgsgmres, pc jacobi: .* right" "ksp pne: 4 .* right" "ksp spir: 4 .* right" \
    "ksp fossils: 4 .* right" "ksp lsqr, pc sketchnormal: 4 .* right" "mat sketch: 32 x 4, right"; do
    expect "$pattern" cat output
  done
  ;;
wrong_build)
  found=0
  guard="This liblathe was built for PETSc.* but the program runs PETSc"
  ex2=$(echo /usr/share/petsc/*/share/petsc/examples/src/ksp/ksp/tutorials/ex2.c)
  ours=$(PKG_CONFIG_PATH=$pcdirs pkg-config --variable=prefix PETSc)
  for other in /usr/lib/petscdir/petsc*[0-9]*/*-{real,complex}; do
    [ -e "$other/lib/pkgconfig/PETSc.pc" ] || continue
    [ "$(realpath "$other")" != "$(realpath "$ours")" ] || continue
    slepc=${other//petsc/slepc}
    path=$other/lib/pkgconfig:$slepc/lib/pkgconfig
    found=$((found + 1))
    # Our library in a program of the other build …
    stock ksp "$path"
    expect "$guard" mpiexec -n 1 ./stock_ksp -dll_append "$library"
    # … also in one that PETSc ships, …
    if [[ -e $ex2 ]]; then
      PKG_CONFIG_PATH=$path mpicc -O1 "$ex2" -o ex2 \
        $(PKG_CONFIG_PATH=$path pkg-config --cflags --libs SLEPc PETSc) -lm
      expect "$guard" mpiexec -n 1 ./ex2 -dll_append "$library" -ksp_type pne
    fi
    # … and a library of the other build in a program of ours.
    mkdir -p other
    mpicxx -std=c++20 -O1 -fPIC -shared -o other/liblathe.so -DLATHE_VERSION='"0"' \
      -DLATHE_COMPILER='"c++"' -DLATHE_FLAGS='""' -I"$source/algorithms" -I"$source/solvers" \
      "$source"/solvers/{register,library_build}.cpp "$source/tests/install/other_build.cpp" \
      $(PKG_CONFIG_PATH=$path pkg-config --cflags --libs SLEPc PETSc)
    stock ksp "$pcdirs"
    expect "$guard" mpiexec -n 1 ./stock_ksp -dll_append "$PWD/other/liblathe.so"
  done
  echo "$found other builds of PETSc on this machine"
  if [[ $found == 0 ]]; then
    echo "nothing was tried: this case is left out"
    exit 77
  fi
  ;;
*)
  echo "unknown case $case_name" >&2
  exit 2
  ;;
esac
