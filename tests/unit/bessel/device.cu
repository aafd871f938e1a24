// SPDX-License-Identifier: BSD-2-Clause
// Every function of the headers, called from a device kernel.
#ifdef LATHE_WITHOUT_CUDA_HEADERS
#define __host__ __attribute__((host))
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __constant__ __attribute__((constant))
extern "C" __device__ long long __nv_double_as_longlong(double);
extern "C" __device__ double __nv_longlong_as_double(long long);
inline __device__ long long __double_as_longlong(double x) { return __nv_double_as_longlong(x); }
inline __device__ double __longlong_as_double(long long u) { return __nv_longlong_as_double(u); }
#endif
#include "bessel/bessel_ratio.h"
#include "bessel/log_bessel.h"

extern "C" __global__ void evaluate_all(const double *v, const double *x, double *out) {
  using namespace lathe::bessel;
  double i = 0, k = 0;
  log_bessel_ik(v[0], x[0], &i, &k);
  out[0] = i + k + log_bessel_i<Accuracy::fast>(v[0], x[0]);
  out[1] = log_bessel_i_derivatives(v[0], x[0]).dv + log_bessel_k_derivatives(v[0], x[0]).dv;
  out[2] = bessel_i_ratio(v[0], x[0]) + bessel_k_ratio(v[0], x[0]);
  out[3] = inverse_bessel_i_ratio(v[0], x[0]) + log_hyp0f1(v[0], x[0]);
}
