// SPDX-License-Identifier: BSD-2-Clause
// Every function of the headers on a CUDA device and on its host, bit by bit, over random points of
// the whole range; prints what device and host took. Exit 77: no device; 1: some bits differ.
#include "bessel/bessel_ratio.h"
#include "bessel/log_bessel.h"
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

using namespace lathe::bessel;

constexpr int functions = 14;

__host__ __device__ void evaluate(double v, double x, double *out) {
  log_bessel_ik(v, x, &out[0], &out[1]);
  out[2] = log_bessel_i(v, x);
  out[3] = log_bessel_k(v, x);
  out[4] = log_bessel_i<Accuracy::fast>(v, x);
  const LogBesselDerivatives i = log_bessel_i_derivatives(v, x), k = log_bessel_k_derivatives(v, x);
  out[5] = i.dv;
  out[6] = i.dxx;
  out[7] = k.dx;
  out[8] = k.dv;
  out[9] = bessel_i_ratio(v, x);
  out[10] = bessel_k_ratio(v, x);
  out[11] = bessel_i_ratio_complement(v, x);
  out[12] = inverse_bessel_i_ratio(v, out[9]);
  out[13] = log_hyp0f1(v + 1, x);
}

__global__ void evaluate_points(const double *v, const double *x, double *out, int n) {
  const int j = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (j < n)
    evaluate(v[j], x[j], out + static_cast<std::size_t>(j) * functions);
}

__global__ void log_k_points(const double *v, const double *x, double *out, int n) {
  const int j = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (j < n)
    out[j] = log_bessel_k(v[j], x[j]);
}

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("no CUDA device");
    return 77;
  }
  constexpr int n = 1 << 20, few = 1 << 17;
  std::vector<double> v(n), x(n);
  std::uint64_t state = 88172645463325252u;
  const auto next = [&] { // xorshift64, Marsaglia 2003
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<double>(state >> 11) * 0x1p-53;
  };
  for (int j = 0; j < n; ++j) {
    const double a = next(), b = next();
    v[j] = j % 4 == 0 ? 20 * a : j % 4 == 1 ? 3 * a : j % 4 == 2 ? 300 * a : std::pow(10, 320 * a - 20);
    x[j] = j % 4 == 0 ? 31 * b : j % 4 == 1 ? b : j % 4 == 2 ? 400 * b : std::pow(10, 600 * b - 300);
  }
  double *d_v = nullptr, *d_x = nullptr, *d_out = nullptr;
  cudaMalloc(&d_v, n * sizeof(double));
  cudaMalloc(&d_x, n * sizeof(double));
  cudaMalloc(&d_out, static_cast<std::size_t>(few) * functions * sizeof(double));
  cudaMemcpy(d_v, v.data(), n * sizeof(double), cudaMemcpyHostToDevice);
  cudaMemcpy(d_x, x.data(), n * sizeof(double), cudaMemcpyHostToDevice);
  evaluate_points<<<few / 128, 128>>>(d_v, d_x, d_out, few);
  std::vector<double> out(static_cast<std::size_t>(few) * functions);
  const cudaError_t status =
      cudaMemcpy(out.data(), d_out, out.size() * sizeof(double), cudaMemcpyDeviceToHost);
  if (status != cudaSuccess) {
    std::printf("CUDA: %s\n", cudaGetErrorString(status));
    return 1;
  }
  int different = 0;
  for (int j = 0; j < few; ++j) {
    double host[functions];
    evaluate(v[j], x[j], host);
    for (int f = 0; f < functions; ++f) {
      const double device = out[static_cast<std::size_t>(j) * functions + f];
      const bool both_nan = device != device && host[f] != host[f]; // a NaN's payload is the compiler's
      if (!both_nan && std::memcmp(&device, &host[f], sizeof(double)) != 0 && ++different <= 10)
        std::printf("function %d, v = %a, x = %a: device %a, host %a\n", f, v[j], x[j], device, host[f]);
    }
  }
  cudaEvent_t begin, end;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  float milliseconds = 0;
  for (int repeat = 0; repeat < 3; ++repeat) {
    cudaEventRecord(begin);
    log_k_points<<<n / 128, 128>>>(d_v, d_x, d_out, n);
    cudaEventRecord(end);
    cudaEventSynchronize(end);
    cudaEventElapsedTime(&milliseconds, begin, end);
  }
  const auto start = std::chrono::steady_clock::now();
  double sum = 0;
  for (int j = 0; j < few; ++j)
    sum += log_bessel_k(v[j], x[j]);
  const std::chrono::duration<double> host_time = std::chrono::steady_clock::now() - start;
  cudaDeviceProp device;
  cudaGetDeviceProperties(&device, 0);
  std::printf("%s: %d of %d values differ from the host's; log K %.3f ns a value on the device, "
              "%.1f on the host (%g)\n", device.name, different, few * functions,
              1e6 * static_cast<double>(milliseconds) / n, 1e9 * host_time.count() / few, sum);
  return different == 0 ? 0 : 1;
}
