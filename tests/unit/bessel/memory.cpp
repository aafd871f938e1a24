// SPDX-License-Identifier: BSD-2-Clause
// What the documentation promises of memory: tables below 32 kB, batches without allocation, fits
// with a few bytes a row beside the rows.
#include "bessel/kernels/hyp0f1.h"
#include "bessel/log_bessel_batch.h"
#include "bessel/tables/matern.h"
#include "bessel/vmf_fit.h"
#include "bessel/vmf_sampler.h"
#include "harness/mpi_test.h"
#include <algorithm>
#include <cstdlib>
#include <new>
#include <vector>

namespace {

std::size_t in_use = 0, most_in_use = 0, allocations = 0;
constexpr std::size_t header = 64; // holds the size, keeps every alignment asked for here

void *counted(std::size_t size) {
  auto *block =
      static_cast<char *>(std::aligned_alloc(header, (size + 2 * header - 1) / header * header));
  if (!block)
    throw std::bad_alloc();
  *reinterpret_cast<std::size_t *>(block) = size;
  in_use += size;
  most_in_use = std::max(most_in_use, in_use);
  ++allocations;
  return block + header;
}

void release(void *p) noexcept {
  if (!p)
    return;
  char *block = static_cast<char *>(p) - header;
  in_use -= *reinterpret_cast<std::size_t *>(block);
  std::free(block);
}

} // namespace

void *operator new(std::size_t size) {
  return counted(size);
}
void *operator new(std::size_t size, std::align_val_t) {
  return counted(size);
}
void *operator new(std::size_t size, const std::nothrow_t &) noexcept { // of std::stable_sort
  return counted(size);
}
void operator delete(void *p) noexcept {
  release(p);
}
void operator delete(void *p, std::size_t) noexcept {
  release(p);
}
void operator delete(void *p, std::align_val_t) noexcept {
  release(p);
}
void operator delete(void *p, std::size_t, std::align_val_t) noexcept {
  release(p);
}

using namespace lathe::bessel;
using namespace lathe::test;

namespace {

/// Largest number of bytes that `f` holds at one time beyond what is held before.
template <class F> std::size_t peak(F &&f) {
  const std::size_t before = in_use;
  most_in_use = before;
  f();
  return most_in_use - before;
}

template <class... Tables> constexpr std::size_t bytes_of() {
  return (sizeof(Tables::c) + ...);
}

} // namespace

TEST_CASE("memory: all tables together are below 32 kB", "[bessel]") {
  namespace t = tables;
  namespace m = matern_table;
  constexpr std::size_t log_bessel =
      bytes_of<t::DebyeD, t::DebyeF, t::DebyeG, t::DebyeH, t::K0Patch0, t::K0Patch1, t::K0Patch2,
               t::K0Patch3, t::K1Patch0, t::K1Patch1, t::K1Patch2, t::K1Patch3, t::SmallE,
               t::SmallO, t::SmallEy, t::SmallOy, t::ReciprocalGamma, t::MuOverSine>() +
      sizeof kernel::log_table;
  constexpr std::size_t matern = sizeof m::levels + sizeof m::cosh_minus_1 + sizeof m::growth +
                                 sizeof m::decay + sizeof m::reciprocal_gamma;
  WARN("log I and log K " << log_bessel << " bytes, Matérn " << matern);
  STATIC_REQUIRE(log_bessel + matern < 32 << 10);
}

TEST_CASE("memory: batches do not allocate", "[bessel]") {
  std::vector<double> v(10000, 3.0), x(10000, 2.0), i(10000), k(10000);
  std::vector<LogBesselDerivatives> d(10000);
  const std::size_t before = allocations;
  const bool fits = log_bessel_ik(v, x, i, k) && log_bessel_k_derivatives(v, x, d) &&
                    inverse_bessel_i_ratio(v, i, k);
  const std::size_t after = allocations;
  CHECK(fits);
  CHECK(after == before);
}

TEST_CASE("memory: a mixture holds 36 bytes a row, and sums of the size of its means",
          "[vmf_fit]") {
  constexpr PetscInt dim = 64, rows = 20000;
  const VmfSampler sampler(uniform_direction(dim, 1, 1, 0), 100, 1, 0);
  std::vector<double> values(static_cast<std::size_t>(dim) * rows);
  for (PetscInt i = 0; i < rows; ++i)
    sampler.sample(static_cast<std::uint64_t>(i), values.data() + i * dim);
  for (const PetscInt components : {1, 4}) {
    LatheVmfOptions o;
    PETSC_OK(LatheVmfOptionsSetDefaults(&o));
    o.components = components;
    o.max_steps = 5;
    const LatheVmfRows all = {rows, dim, nullptr, values.data()};
    PetscErrorCode code = PETSC_SUCCESS;
    LatheVmfModel model{};
    const std::size_t held = peak([&] { code = LatheVmfFit(PETSC_COMM_SELF, &all, &o, &model); });
    CHECK(code == PETSC_SUCCESS);
    PETSC_OK(LatheVmfModelDestroy(&model));
    const auto sums = static_cast<std::size_t>(components * dim);
    WARN(components << " components: " << held << " bytes for " << rows << " rows of " << dim);
    CHECK(held <= (components == 1 ? 0 : 36 * static_cast<std::size_t>(rows)) + 40 * sums +
                      (std::size_t{12} << 10) * static_cast<std::size_t>(components));
  }
}
