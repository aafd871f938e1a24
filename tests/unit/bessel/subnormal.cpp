// SPDX-License-Identifier: BSD-2-Clause
// No function makes a subnormal number on its way from normal arguments to normal results: an
// operation with one takes 150 cycles on many processors, which timings on others do not show. The
// processor's sticky flags do: DE, an operand was subnormal; UE, a result was, and inexact. With
// subnormal arguments it makes few: their exceptions, unmasked, are counted.
#if defined(__x86_64__)
#include "harness/mpi_test.h"
#include "unit/bessel/kernel_calls.h"
#include <algorithm>
#include <cmath>
#include <csignal>
#include <immintrin.h>
#include <string>
#include <string_view>
#include <ucontext.h>
#include <vector>

using namespace lathe;
using namespace lathe::test;

namespace {

constexpr unsigned denormal_operand = 0x2, underflow = 0x10;

/// Whether f() met a subnormal number.
template <class F> bool meets_subnormal(F &&f) {
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before & ~(denormal_operand | underflow));
  f();
  const bool met = (_mm_getcsr() & (denormal_operand | underflow)) != 0;
  _mm_setcsr(before);
  return met;
}

constexpr std::size_t points = 16; // of a cell: one block of every vector width

/// Decimal exponents of normal numbers, both ends of the range among them.
std::vector<double> exponents() {
  std::vector<double> e{-307.65, -307.6, -305, -300, -292, -250, -200, -170, -162, -158, -154};
  for (const double more : {-150.0, -130.0, -100.0, -50.0, -30.0, -20.0, -16.5, -12.0, -8.5, -6.0})
    e.push_back(more);
  for (int i = -20; i <= 16; ++i)
    e.push_back(0.2 * i);
  for (const double more :
       {4.0, 5.0, 6.0, 8.0, 12.0, 16.0, 30.0, 100.0, 154.0, 200.0, 300.0, 305.0, 307.0, 308.05})
    e.push_back(more);
  return e;
}

/// Some result is subnormal, or 0 for want of exponents.
bool underflows(const Results &o) {
  const auto tiny = [](double y) { return std::fabs(y) < 0x1p-1022; };
  return std::any_of(o.a.begin(), o.a.end(), tiny) || std::any_of(o.b.begin(), o.b.end(), tiny) ||
         std::any_of(o.d.begin(), o.d.end(), [&](const bessel::LogBesselDerivatives &d) {
           return tiny(d.dx) || tiny(d.dv) || tiny(d.dxx);
         });
}

// Counting: the exception masks itself and steps over the instruction, the step unmasks it again.
constexpr unsigned masks = (denormal_operand | underflow) << 7, flags = 0x3f;
volatile std::sig_atomic_t counted = 0;

void on_exception(int /*signal*/, siginfo_t * /*info*/, void *context) {
  auto *machine = &static_cast<ucontext_t *>(context)->uc_mcontext;
  counted = counted + 1;
  machine->fpregs->mxcsr = (machine->fpregs->mxcsr | masks) & ~flags;
  machine->gregs[REG_EFL] |= 0x100; // single step
}
void on_step(int /*signal*/, siginfo_t * /*info*/, void *context) {
  auto *machine = &static_cast<ucontext_t *>(context)->uc_mcontext;
  machine->fpregs->mxcsr &= ~masks & ~flags;
  machine->gregs[REG_EFL] &= ~0x100LL;
}

/// Instructions of f() that meet a subnormal number.
template <class F> int subnormal_operations(F &&f) {
  struct sigaction exception = {}, step = {}, old_exception = {}, old_step = {};
  exception.sa_flags = step.sa_flags = SA_SIGINFO;
  exception.sa_sigaction = on_exception;
  step.sa_sigaction = on_step;
  sigaction(SIGFPE, &exception, &old_exception);
  sigaction(SIGTRAP, &step, &old_step);
  counted = 0;
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before & ~masks & ~flags);
  f();
  _mm_setcsr(before);
  sigaction(SIGFPE, &old_exception, nullptr);
  sigaction(SIGTRAP, &old_step, nullptr);
  return counted;
}

} // namespace

// Left out are cells where a result itself is subnormal or 0 for that reason: second derivatives of
// x or v above 1e150, ratios of v/x or x/v below 1e-308, 1 - A for x above 1e307.
TEST_CASE("no subnormal number between normal arguments and normal results", "[bessel]") {
  const std::vector<Cell> all = cells(exponents(), points);
  for (const bessel::Isa *const *which = bessel::available_isas(); *which; ++which)
    for (const KernelCall &f : every_kernel(**which)) {
      std::size_t seen = 0, bad = 0;
      std::string first;
      for (const Cell &c : all) {
        Results o(points);
        const bool met = meets_subnormal([&] { f.run(c, o); });
        if (std::string_view(f.name).starts_with("i_ratio")) // R and 1 − R are computed together
          (*which)->batch_i_ratio(c.order(), c.argument(), o.a.data(), o.b.data(), points);
        if (underflows(o))
          continue;
        ++seen;
        if (met && ++bad == 1)
          first = "v = 1e" + std::to_string(c.log_v) + ", x = 1e" + std::to_string(c.log_x);
      }
      INFO((*which)->name << ", " << f.name << ": first at " << first);
      CHECK(bad == 0);
      CHECK(seen > all.size() * 3 / 4);
    }
}

// An inverse ratio compares what it is given more often.
TEST_CASE("few operations with subnormal arguments", "[bessel]") {
  const bessel::Isa &isa = bessel::isa();
  volatile double v = 0, x = 0;
  volatile double kept = 0;
  double i = 0, k = 0;
  for (const double tiny : {4.9e-324, 1e-320, 1e-310, 2e-308})
    for (const double other : {4.9e-324, 1e-310, 1e-300, 1e-5, 0.3, 0.5, 3.0, 20.0, 1e10})
      for (const bool swapped : {false, true}) {
        v = swapped ? tiny : other;
        x = swapped ? other : tiny;
        INFO("v = " << v << ", x = " << x);
        CHECK(subnormal_operations([&] { kept = isa.log_i(v, x); }) <= 3);
        CHECK(subnormal_operations([&] { kept = isa.log_k(v, x); }) <= 3);
        CHECK(subnormal_operations([&] { isa.log_ik(v, x, &i, &k); }) <= 4);
        CHECK(subnormal_operations([&] { kept = isa.i_ratio(v, x); }) <= 4);
        CHECK(subnormal_operations([&] { kept = isa.k_ratio(v, x); }) <= 4);
        CHECK(subnormal_operations([&] { kept = isa.log_i_derivatives(v, x).dx; }) <= 8);
        CHECK(subnormal_operations([&] { kept = isa.log_k_derivatives(v, x).dx; }) <= 8);
        CHECK(subnormal_operations([&] { kept = isa.log_hyp0f1(v, x); }) <= 8);
        if (x < 1)
          CHECK(subnormal_operations([&] { kept = isa.inverse_i_ratio(v, x); }) <= 20);
      }
}
#endif
