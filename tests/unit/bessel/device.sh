#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernels compile for CUDA devices: by nvcc where it is installed, else to PTX by a clang++ that
# knows NVPTX; exit 77 (skipped) where there is neither. Where there is a device too, they run on it
# and must give the host's bits. device.sh SOURCE_FOLDER
set -euo pipefail
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null); then
  "$nvcc" -std=c++20 -fmad=false -I "$source/algorithms" -ptx \
    "$source/tests/unit/bessel/device.cu" -o "$work/device.ptx"
  name=$nvcc
elif command -v clang++ >/dev/null && clang++ -print-targets 2>/dev/null | grep -q nvptx64; then
  clang++ -x cuda --cuda-device-only -nocudainc -nocudalib --cuda-gpu-arch=sm_70 -std=c++20 -O1 \
    -ffp-contract=off -D__CUDACC__ -DLATHE_WITHOUT_CUDA_HEADERS -I "$source/algorithms" -S \
    "$source/tests/unit/bessel/device.cu" -o "$work/device.ptx"
  name=clang++
else
  echo "neither nvcc nor a clang++ for NVPTX: the device code was not compiled"
  exit 77
fi
grep -q 'fma.rn.f64' "$work/device.ptx"
grep -q 'entry.*evaluate_all' "$work/device.ptx"
echo "compiled for the device by $name, $(grep -c 'fma.rn.f64' "$work/device.ptx") fma"
if [[ $name == *nvcc ]] && command -v nvidia-smi >/dev/null && nvidia-smi -L | grep -q GPU; then
  "$nvcc" -O2 -std=c++20 -fmad=false -Xcompiler -ffp-contract=off -I "$source/algorithms" \
    "$source/tests/unit/bessel/device_bits.cu" -o "$work/device_bits"
  "$work/device_bits"
else
  echo "no device here: not run"
fi
