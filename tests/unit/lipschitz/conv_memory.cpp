// SPDX-License-Identifier: BSD-2-Clause
// Memory of the convolution bracket: every allocation of the library goes through these operators.
#include "conv_cases.h"
#include "harness/mpi_test.h"
#include "lipschitz/conv_norm.h"
#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <new>

namespace {
std::atomic<std::size_t> live{0}, peak{0};

void *counted(void *p) {
  if (!p)
    throw std::bad_alloc();
  const std::size_t now = live += malloc_usable_size(p);
  for (std::size_t seen = peak; now > seen && !peak.compare_exchange_weak(seen, now);) {
  }
  return p;
}
void released(void *p) noexcept {
  if (p)
    live -= malloc_usable_size(p);
  std::free(p);
}
} // namespace

void *operator new(std::size_t size) {
  return counted(std::malloc(size > 0 ? size : 1));
}
void *operator new(std::size_t size, std::align_val_t align) {
  const auto a = static_cast<std::size_t>(align);
  return counted(std::aligned_alloc(a, (size + a - 1) / a * a));
}
void operator delete(void *p) noexcept {
  released(p);
}
void operator delete(void *p, std::size_t) noexcept {
  released(p);
}
void operator delete(void *p, std::align_val_t) noexcept {
  released(p);
}
void operator delete(void *p, std::size_t, std::align_val_t) noexcept {
  released(p);
}

using namespace lathe;
using namespace lathe::test;

TEST_CASE("memory does not grow with the number of frequencies", "[conv][memory]") {
  const auto peak_of = [](PetscInt channels, PetscInt n) {
    const Layer l = normal_layer(channels, channels, 3, n, 1, LATHE_PADDING_CIRCULAR, 3);
    const LatheConvolution view = l.view();
    LatheNormBracket b{};
    const std::size_t before = live;
    peak = before;
    REQUIRE(LatheConvolutionNormBracket(PETSC_COMM_SELF, &view, nullptr, &b) == PETSC_SUCCESS);
    return static_cast<double>(peak - before);
  };
  for (const PetscInt channels : {8, 64}) {
    const double small = peak_of(channels, 96), large = peak_of(channels, 384);
    const double c = static_cast<double>(channels), offsets = 25, taps = 9;
    // 69 120 frequencies more. Phases on the torus: two tables of n complex numbers; the rest is
    // for what few frequencies stay doubtful in one block.
    INFO(channels << " channels: " << small << " bytes at 96x96, " << large << " at 384x384");
    CHECK(large - small <= 2 * 16 * (384 - 96) + (1 << 18));
    // Coefficients in double and single precision, the products of one tap, the taps, and about
    // forty matrices of order c: blocks of Gram matrices, factors, the basis of Lanczos.
    CHECK(large <= c * c / 2 * offsets * 12 + c * c * taps * 16 + 40 * 16 * c * c + (1 << 21));
    CHECK(large >= c * c / 2 * offsets * 8); // the counters do see the library
  }
}

TEST_CASE("long kernels do not list the differences of their taps", "[conv][memory]") {
  Layer l;
  l.geometry = {1,
                1,
                1,
                1,
                {2049, 1, 1},
                {1, 1, 1},
                {1, 1, 1},
                {1024, 0, 0},
                LATHE_PADDING_CIRCULAR,
                {4096, 1, 1},
                nullptr};
  l.weight.assign(2049, 1.0);
  const LatheConvolution view = l.view();
  LatheNormBracket b{};
  const std::size_t before = live;
  peak = before;
  REQUIRE(LatheConvolutionNormBracket(PETSC_COMM_SELF, &view, nullptr, &b) == PETSC_SUCCESS);
  INFO(peak - before << " bytes");
  CHECK(peak - before <= std::size_t{4} << 20); // 2049²/2 differences would take 50 MB
}
