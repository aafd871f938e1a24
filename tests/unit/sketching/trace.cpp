// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/trace.h"
#include "core/dense.h"
#include "harness/mpi_test.h"
#include "unit/sketching/matrices.h"
#include "unit/sketching/trace_definition.h"
#include <cmath>
#include <limits>

#if defined(PETSC_USE_COMPLEX)

TEST_CASE("traces are for real scalars", "[sketching]") {
  lathe::MatHandle A;
  const auto one = [](PetscInt i, PetscInt j) { return i == j ? 1.0 : 0.0; };
  PETSC_OK(lathe::test::CreateMatrix(PETSC_COMM_WORLD, 5, 5, one, false, false, A.out()));
  LatheTraceEstimate e;
  CHECK_ALL(lathe::test::catch_error([&] {
              return LatheMatTrace(A, LATHE_TRACE_GIRARD_HUTCHINSON, 4, 1, &e);
            }).code == PETSC_ERR_SUP);
}

#else

using namespace lathe;
using test::CreateMatrix;
using test::gaussian;
using test::stored;

namespace {

constexpr LatheTraceMethod methods[] = {LATHE_TRACE_GIRARD_HUTCHINSON, LATHE_TRACE_HUTCHPP,
                                        LATHE_TRACE_XTRACE, LATHE_TRACE_XNYSTRACE};

/// G·diag(spectrum)·Gᵀ/n (column-major), or with another factor on the right.
std::vector<double> product(PetscInt n, const std::vector<double> &spectrum, bool symmetric) {
  const auto size = static_cast<std::size_t>(n);
  const std::vector<double> g = gaussian(n, n, 21);
  const std::vector<double> h = symmetric ? g : gaussian(n, n, 22);
  std::vector<double> scaled = g;
  std::vector<double> a(size * size);
  for (std::size_t j = 0; j < size; ++j)
    for (std::size_t i = 0; i < size; ++i)
      scaled[i + j * size] *= spectrum[j] / static_cast<double>(n);
  dense::gemm('N', 'T', size, size, size, 1.0, scaled.data(), size, h.data(), size, 0.0, a.data(),
              size);
  if (symmetric)
    for (std::size_t j = 0; j < size; ++j)
      for (std::size_t i = 0; i < j; ++i)
        a[j + i * size] = a[i + j * size];
  return a;
}

std::vector<double> spectrum(PetscInt n, double (*f)(double)) {
  std::vector<double> s;
  for (PetscInt i = 0; i < n; ++i)
    s.push_back(f(static_cast<double>(i)));
  return s;
}

double trace(const std::vector<double> &a, PetscInt n) {
  long double sum = 0;
  for (PetscInt i = 0; i < n; ++i)
    sum += a[static_cast<std::size_t>(i * (n + 1))];
  return static_cast<double>(sum);
}

test::Columns columns(const std::vector<double> &omega, PetscInt n) {
  test::Columns c;
  for (std::size_t j = 0; j < omega.size() / static_cast<std::size_t>(n); ++j)
    c.emplace_back(omega.begin() + static_cast<std::ptrdiff_t>(j) * n,
                   omega.begin() + static_cast<std::ptrdiff_t>(j + 1) * n);
  return c;
}

/// Tridiagonal (−1, 2 + shift, −1): eigenvalues 2 + shift − 2cos(πj/(n+1)).
double laplacian(PetscInt i, PetscInt j, double shift) {
  return i == j ? 2 + shift : std::abs(i - j) == 1 ? -1.0 : 0.0;
}
double laplacian_eigenvalue(PetscInt n, PetscInt j, double shift) {
  return 2 + shift - 2 * std::cos(M_PI * static_cast<double>(j) / static_cast<double>(n + 1));
}

} // namespace

TEST_CASE("leave-one-out estimates agree with their definition", "[sketching]") {
  const PetscInt n = 50;
  struct Case {
    const char *name;
    std::vector<double> a;
    bool psd;
    long double drop; // what counts as dependent in the definition
  };
  const Case cases[] = {
      {"polynomial decay",
       product(n, spectrum(n, [](double i) { return std::pow(i + 1, -2); }), true), true, 1e-17L},
      {"flat", product(n, spectrum(n, [](double) { return 1.0; }), true), true, 1e-17L},
      {"not symmetric",
       product(n, spectrum(n, [](double i) { return std::pow(i + 1, -1); }), false), false, 1e-17L},
      {"indefinite",
       product(n, spectrum(n, [](double i) { return std::fmod(i, 2) == 0 ? 1.0 : -0.3; }), true),
       false, 1e-17L},
      {"rank 6 of 12 vectors",
       product(n, spectrum(n, [](double i) { return i < 6 ? 1.0 : 0.0; }), true), true, 1e-10L},
      {"decay to 1e-20", product(n, spectrum(n, [](double i) { return std::pow(0.02, i); }), true),
       true, 1e-14L}};
  double worst = 0;
  for (const Case &c : cases)
    for (const PetscInt k : {2, 12, 25}) {
      const std::vector<double> omega = gaussian(n, k, 31);
      MatHandle A, Omega;
      PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, stored(c.a, n), true, true, A.out()));
      PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, k, stored(omega, n), true, true, Omega.out()));
      LatheTraceEstimate e;
      PETSC_OK(LatheMatTraceWithVectors(A, LATHE_TRACE_XTRACE, Omega, &e));
      const auto wanted =
          static_cast<double>(test::xtrace_by_definition(c.a, columns(omega, n), c.drop));
      INFO(c.name << ", k = " << k << ": " << e.value << " for " << wanted);
      const double error = std::abs(e.value - wanted) / std::abs(wanted);
      worst = std::max(worst, error);
      CHECK_ALL(error <= 1e-12);
      if (!c.psd)
        continue;
      PETSC_OK(LatheMatTraceWithVectors(A, LATHE_TRACE_XNYSTRACE, Omega, &e));
      const auto nystrom =
          static_cast<double>(test::xnystrace_by_definition(c.a, columns(omega, n), c.drop));
      INFO("XNysTrace " << e.value << " for " << nystrom);
      worst = std::max(worst, std::abs(e.value - nystrom) / std::abs(nystrom));
      CHECK_ALL(std::abs(e.value - nystrom) <= 1e-12 * std::abs(nystrom));
      CHECK_ALL(e.matvecs == k);
    }
  WARN("worst relative difference to the definition " << worst);
}

TEST_CASE("test vectors that repeat take nothing from the others", "[sketching]") {
  const PetscInt n = 50;
  const PetscInt k = 8;
  const auto a = product(n, spectrum(n, [](double i) { return std::pow(i + 1, -1); }), true);
  std::vector<double> omega = gaussian(n, k, 33);
  std::copy_n(omega.begin(), n, omega.begin() + 3 * n); // ω₃ = ω₀
  MatHandle A, Omega;
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, stored(a, n), true, false, A.out()));
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, k, stored(omega, n), true, false, Omega.out()));
  LatheTraceEstimate e;
  PETSC_OK(LatheMatTraceWithVectors(A, LATHE_TRACE_XTRACE, Omega, &e));
  const auto wanted = static_cast<double>(test::xtrace_by_definition(a, columns(omega, n), 1e-12L));
  CHECK_ALL(std::abs(e.value - wanted) <= 1e-12 * wanted);
  const auto refused = test::catch_error(
      [&] { return LatheMatTraceWithVectors(A, LATHE_TRACE_XNYSTRACE, Omega, &e); });
  CHECK_ALL(refused.message.find("linearly dependent") != std::string::npos);
}

TEST_CASE("estimates have the bits of one rank for every layout", "[sketching]") {
  const PetscInt n = 1100;
  const auto sparse = [](PetscInt i, PetscInt j) {
    return i == j ? 4.0 + static_cast<double>(i % 7)
                  : (std::abs(i - j) == 1 || std::abs(i - j) == 33 ? -1.0 : 0.0);
  };
  for (const bool dense : {false, true}) {
    MatHandle serial;
    PETSC_OK(CreateMatrix(PETSC_COMM_SELF, n, n, sparse, dense, false, serial.out()));
    for (const bool uneven : {false, true}) {
      MatHandle A;
      PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, sparse, dense, uneven, A.out()));
      for (const auto method : methods) {
        LatheTraceEstimate e, one;
        PETSC_OK(LatheMatTrace(A, method, 24, 4, &e));
        PETSC_OK(LatheMatTrace(serial, method, 24, 4, &one));
        INFO(method << ": " << e.value << " and " << one.value);
        CHECK_ALL(e.value == one.value);
        CHECK_ALL(e.standard_error == one.standard_error);
        CHECK_ALL(e.matvecs == 24);
        // The truth lies within five standard errors.
        CHECK_ALL(std::abs(e.value - (4.0 * n + [&] {
                             double sum = 0;
                             for (PetscInt i = 0; i < n; ++i)
                               sum += static_cast<double>(i % 7);
                             return sum;
                           }())) <= 5 * e.standard_error);
      }
      LatheQuadratureOptions options;
      PETSC_OK(LatheQuadratureOptionsSetDefaults(&options));
      options.probes = 2;
      LatheSpectralSum s, one;
      PETSC_OK(LatheMatSpectralSum(A, LATHE_SPECTRAL_LOG, &options, &s));
      PETSC_OK(LatheMatSpectralSum(serial, LATHE_SPECTRAL_LOG, &options, &one));
      CHECK_ALL(s.value == one.value);
      CHECK_ALL(s.steps == one.steps);
    }
  }
}

TEST_CASE("where the samples determine the trace it is exact", "[sketching]") {
  const PetscInt n = 40;
  LatheTraceEstimate e;
  const auto low = product(n, spectrum(n, [](double i) { return i < 5 ? 1.0 : 0.0; }), true);
  MatHandle A;
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, stored(low, n), true, false, A.out()));
  const double truth = trace(low, n);
  for (const auto method : {LATHE_TRACE_HUTCHPP, LATHE_TRACE_XTRACE, LATHE_TRACE_XNYSTRACE}) {
    PETSC_OK(LatheMatTrace(A, method, 36, 7, &e));
    INFO(method << ": " << e.value << " for " << truth);
    CHECK_ALL(std::abs(e.value - truth) <= 1e-12 * truth);
    CHECK_ALL(e.standard_error <= 1e-12 * truth);
  }
  // As many test vectors as dimensions.
  const auto full = product(n, spectrum(n, [](double i) { return 1 / (i + 1); }), true);
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, stored(full, n), true, false, A.out()));
  const double whole = trace(full, n);
  for (const auto method : {LATHE_TRACE_XTRACE, LATHE_TRACE_XNYSTRACE}) {
    PETSC_OK(LatheMatTrace(A, method, method == LATHE_TRACE_XTRACE ? 2 * n : n, 7, &e));
    INFO(method << ": " << e.value << " for " << whole);
    CHECK_ALL(std::abs(e.value - whole) <= 1e-8 * whole);
  }
  const auto nothing = [](PetscInt, PetscInt) { return 0.0; };
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, nothing, false, false, A.out()));
  const auto diagonal = [](PetscInt i, PetscInt j) { return i == j ? 2.5 : 0.0; };
  MatHandle D;
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, diagonal, false, false, D.out()));
  for (const auto method : methods) {
    PETSC_OK(LatheMatTrace(A, method, 12, 7, &e));
    CHECK_ALL((e.value == 0 && e.standard_error == 0));
    PETSC_OK(LatheMatTrace(D, method, 12, 7, &e)); // Hutch++ still samples |(I − QQᵀ)g|²
    CHECK_ALL(std::abs(e.value - 100) <=
              (method == LATHE_TRACE_HUTCHPP ? 5 * e.standard_error : 1e-11));
  }
  MatHandle one;
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, 1, 1, diagonal, false, true, one.out()));
  PETSC_OK(LatheMatTrace(one, LATHE_TRACE_GIRARD_HUTCHINSON, 2, 7, &e));
  CHECK_ALL(e.value == 2.5);
}

TEST_CASE("traces of any scale: powers of two change nothing else", "[sketching]") {
  const PetscInt n = 40;
  const auto a = product(n, spectrum(n, [](double i) { return 1 / (1 + i); }), true);
  LatheQuadratureOptions options;
  PETSC_OK(LatheQuadratureOptionsSetDefaults(&options));
  options.tolerance = 1e-16; // relative to |log det|, which the scale changes
  const auto create = [&](int exponent, Mat *A) {
    return CreateMatrix(
        PETSC_COMM_WORLD, n, n,
        [&, exponent](PetscInt i, PetscInt j) {
          return std::ldexp(a[static_cast<std::size_t>(i + j * n)] + (i == j ? 0.5 : 0), exponent);
        },
        true, true, A);
  };
  MatHandle A, B;
  PETSC_OK(create(0, A.out()));
  for (const int exponent : {-960, -600, 600, 1000}) {
    PETSC_OK(create(exponent, B.out()));
    LatheTraceEstimate e, scaled;
    for (const auto method : methods) {
      PETSC_OK(LatheMatTrace(A, method, 12, 3, &e));
      PETSC_OK(LatheMatTrace(B, method, 12, 3, &scaled));
      INFO(method << " at 2^" << exponent << ": " << scaled.value);
      CHECK_ALL(scaled.value == std::ldexp(e.value, exponent));
      CHECK_ALL(scaled.standard_error == std::ldexp(e.standard_error, exponent));
    }
    const double shift = n * exponent * std::log(2.0);
    for (const PetscInt rank : {0, 10}) {
      LatheSpectralSum s, t;
      PETSC_OK(LatheMatLogDeterminant(A, rank, 0, &options, &s));
      PETSC_OK(LatheMatLogDeterminant(B, rank, 0, &options, &t));
      INFO("rank " << rank << ", log det at 2^" << exponent << ": off by "
                   << t.value - s.value - shift);
      CHECK_ALL(std::abs(t.value - s.value - shift) <= 1e-13 * std::abs(shift));
    }
  }
  // |A|^4 does not fit into a double at 2^600.
  LatheSpectralSum s;
  options.power = 4;
  PETSC_OK(create(600, B.out()));
  const auto caught =
      test::catch_error([&] { return LatheMatSpectralSum(B, LATHE_SPECTRAL_POWER, &options, &s); });
  CHECK_ALL(caught.code == PETSC_ERR_FP);
  // Nor does a trace of n entries of 2^1020.
  const auto huge = [](PetscInt i, PetscInt j) { return i == j ? 0x1p1020 : 0; };
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, huge, false, true, B.out()));
  for (const auto method : methods) {
    LatheTraceEstimate e;
    const auto refused = test::catch_error([&] { return LatheMatTrace(B, method, 12, 3, &e); });
    CHECK_ALL(
        (refused.code == PETSC_ERR_FP && refused.message.find("overflows") != std::string::npos));
  }
}

TEST_CASE("spectral sums agree with known spectra", "[sketching]") {
  const PetscInt n = 60;
  const double shift = 0.05;
  const auto entry = [&](PetscInt i, PetscInt j) { return laplacian(i, j, shift); };
  MatHandle A;
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, entry, false, true, A.out()));
  LatheQuadratureOptions options;
  PETSC_OK(LatheQuadratureOptionsSetDefaults(&options));
  options.probes = 5;
  options.tolerance = 1e-10;
  options.max_steps = n;
  options.power = 3;
  for (const auto f :
       {LATHE_SPECTRAL_LOG, LATHE_SPECTRAL_INVERSE, LATHE_SPECTRAL_POWER, LATHE_SPECTRAL_EXP}) {
    long double truth = 0;
    for (PetscInt j = 1; j <= n; ++j) {
      const double x = laplacian_eigenvalue(n, j, shift);
      truth += f == LATHE_SPECTRAL_LOG       ? std::log(x)
               : f == LATHE_SPECTRAL_INVERSE ? 1 / x
               : f == LATHE_SPECTRAL_POWER   ? x * x * x
                                             : std::exp(x);
    }
    LatheSpectralSum s;
    PETSC_OK(LatheMatSpectralSum(A, f, &options, &s));
    INFO(f << ": " << s.value << " ± " << s.standard_error << " for " << truth << ", " << s.steps
           << " steps");
    CHECK_ALL(s.converged == PETSC_TRUE);
    CHECK_ALL(std::abs(s.value - static_cast<double>(truth)) <=
              5 * s.standard_error + s.quadrature_error);
    // f(A) as a matrix: its trace from all n unit vectors is exact; here XTrace and the mean of
    // ωᵀf(A)ω over the same probes, which is the quadrature.
    MatHandle F;
    PETSC_OK(LatheMatCreateFunction(A, f, &options, F.out()));
    LatheTraceEstimate e;
    PETSC_OK(LatheMatTrace(F, LATHE_TRACE_GIRARD_HUTCHINSON, 5, options.seed, &e));
    CHECK_ALL(std::abs(e.value - s.value) <= 1e-8 * std::abs(s.value));
    long long matvecs = 0;
    PetscBool converged = PETSC_FALSE;
    PETSC_OK(LatheMatFunctionGetMatvecs(F, &matvecs, &converged));
    CHECK_ALL((converged == PETSC_TRUE && matvecs >= s.matvecs));
    if (f != LATHE_SPECTRAL_INVERSE)
      continue;
    PETSC_OK(LatheMatTrace(F, LATHE_TRACE_XTRACE, 20, 3, &e));
    CHECK_ALL(std::abs(e.value - static_cast<double>(truth)) <= 5 * e.standard_error);
  }
}

TEST_CASE("lanczos quadrature stops where the space or its steps end", "[sketching]") {
  const PetscInt n = 64;
  LatheQuadratureOptions options;
  PETSC_OK(LatheQuadratureOptionsSetDefaults(&options));
  LatheSpectralSum s;
  MatHandle A;
  // Three distinct eigenvalues: three steps are exact, and a fourth or fifth shows it.
  const auto three = [](PetscInt i, PetscInt j) {
    return i == j ? 1.0 + static_cast<double>(i % 3) : 0.0;
  };
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, three, false, false, A.out()));
  PETSC_OK(LatheMatSpectralSum(A, LATHE_SPECTRAL_LOG, &options, &s));
  CHECK_ALL((s.steps <= 5 && s.converged && s.quadrature_error <= 1e-13 * s.value));
  CHECK_ALL(std::abs(s.value - (21 * std::log(2.0) + 21 * std::log(3.0))) <= 1e-12 * s.value);
  // Ill conditioned and too few steps: said, and the value is still there.
  const auto graded = [](PetscInt i, PetscInt j) {
    return i == j ? std::pow(10.0, -static_cast<double>(i) / 8) : 0.0;
  };
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, graded, false, false, A.out()));
  options.max_steps = 5;
  PETSC_OK(LatheMatSpectralSum(A, LATHE_SPECTRAL_LOG, &options, &s));
  CHECK_ALL((s.steps == 5 && !s.converged && s.quadrature_error > 0 && std::isfinite(s.value)));
  // Zero eigenvalues, which rounding makes positive.
  const auto singular = [](PetscInt i, PetscInt j) { return i == j && i >= 10 ? 1.0 : 0.0; };
  MatHandle Z;
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, singular, false, false, Z.out()));
  for (const auto f : {LATHE_SPECTRAL_LOG, LATHE_SPECTRAL_INVERSE})
    CHECK_ALL(test::catch_error([&] { return LatheMatSpectralSum(Z, f, &options, &s); }).code ==
              PETSC_ERR_ARG_OUTOFRANGE);
  // 1/x where each eigenvalue is coupled to the next by less than rounding errors.
  {
    const PetscInt order = 70;
    options.max_steps = order;
    const auto decaying = [](PetscInt i, PetscInt j) {
      return i == j ? std::pow(0.7, static_cast<double>(i)) : 0.0;
    };
    MatHandle D;
    PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, order, order, decaying, false, false, D.out()));
    PETSC_OK(LatheMatSpectralSum(D, LATHE_SPECTRAL_INVERSE, &options, &s));
    double whole = 0;
    for (PetscInt i = 0; i < order; ++i)
      whole += 1 / decaying(i, i);
    INFO(s.value << " for " << whole); // signs: every sample is exact
    CHECK_ALL(std::abs(s.value - whole) <= 2e-4 * whole);
    options.max_steps = 5;
  }
  // All of the space: exact however ill conditioned.
  options.max_steps = 100;
  options.tolerance = 1e-15;
  PETSC_OK(LatheMatSpectralSum(A, LATHE_SPECTRAL_LOG, &options, &s));
  double truth = 0;
  for (PetscInt i = 0; i < n; ++i)
    truth += std::log(graded(i, i));
  INFO(s.value << " for " << truth);
  CHECK_ALL(std::abs(s.value - truth) <= 1e-6 * std::abs(truth));
}

TEST_CASE("functions of a matrix take many columns at once", "[sketching]") {
  const PetscInt n = 700, columns = 37; // more than run in step, in two blocks of rows
  MatHandle A, F, X, Y;
  PETSC_OK(CreateMatrix(
      PETSC_COMM_WORLD, n, n,
      [](PetscInt i, PetscInt j) {
        return i == j ? 2.0 + 0.01 * static_cast<double>(i % 7) : std::abs(i - j) == 1 ? -0.9 : 0.0;
      },
      false, false, A.out()));
  LatheQuadratureOptions options;
  PETSC_OK(LatheQuadratureOptionsSetDefaults(&options));
  PETSC_OK(LatheMatCreateFunction(A, LATHE_SPECTRAL_INVERSE, &options, F.out()));
  const auto entry = [](PetscInt i, PetscInt j) { // column 5 is zero
    return j == 5 ? 0.0 : std::sin(1 + 3.7 * static_cast<double>(i * (j + 1)));
  };
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, columns, entry, true, false, X.out()));
  PETSC_OK(MatMatMult(F, X, MAT_INITIAL_MATRIX, PETSC_DEFAULT, Y.out()));
  VecHandle y, residual;
  PETSC_OK(MatCreateVecs(A, y.out(), residual.out()));
  for (const PetscInt j : {0, 5, 31, 32, 36}) {
    Vec x = nullptr, expected = nullptr;
    PetscBool equal = PETSC_FALSE;
    PetscReal off = 0;
    PETSC_OK(MatDenseGetColumnVecRead(X, j, &x));
    PETSC_OK(MatMult(F, x, y));
    PETSC_OK(MatDenseGetColumnVecRead(Y, j, &expected));
    PETSC_OK(VecEqual(y, expected, &equal));
    PETSC_OK(MatDenseRestoreColumnVecRead(Y, j, &expected));
    CHECK_ALL(equal == PETSC_TRUE);
    PETSC_OK(MatMult(A, y, residual)); // A·A⁻¹x = x
    PETSC_OK(VecAXPY(residual, -1, x));
    PETSC_OK(VecNorm(residual, NORM_INFINITY, &off));
    PETSC_OK(MatDenseRestoreColumnVecRead(X, j, &x));
    INFO(j << ": " << off);
    CHECK_ALL(off <= 1e-6);
  }
}

TEST_CASE("traces refuse what they cannot do", "[sketching]") {
  const PetscInt n = 30;
  const auto identity = [](PetscInt i, PetscInt j) { return i == j ? 1.0 : 0.0; };
  MatHandle A, wide, indefinite, skew;
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n, identity, false, false, A.out()));
  PETSC_OK(CreateMatrix(PETSC_COMM_WORLD, n, n + 1, identity, false, false, wide.out()));
  PETSC_OK(CreateMatrix(
      PETSC_COMM_WORLD, n, n,
      [](PetscInt i, PetscInt j) { return i == j ? (i == 3 ? -1.0 : 1.0) : 0.0; }, false, false,
      indefinite.out()));
  PETSC_OK(CreateMatrix(
      PETSC_COMM_WORLD, n, n,
      [](PetscInt i, PetscInt j) { return i == j  ? 5.0
                                          : i < j ? 1.0
                                                  : 0.0; }, true, false,
      skew.out()));
  LatheTraceEstimate e;
  const auto refuse = [&](Mat M, LatheTraceMethod method, PetscInt matvecs, PetscErrorCode code,
                          const char *text) {
    const auto caught = test::catch_error([&] { return LatheMatTrace(M, method, matvecs, 1, &e); });
    INFO(caught.message);
    CHECK_ALL(caught.code == code);
    CHECK_ALL(caught.message.find(text) != std::string::npos);
  };
  refuse(wide, LATHE_TRACE_XTRACE, 10, PETSC_ERR_ARG_SIZ, "it must be square");
  refuse(A, LATHE_TRACE_GIRARD_HUTCHINSON, 1, PETSC_ERR_ARG_OUTOFRANGE, "-matvecs >= 2");
  refuse(A, LATHE_TRACE_HUTCHPP, 5, PETSC_ERR_ARG_OUTOFRANGE, "-matvecs >= 6");
  refuse(A, LATHE_TRACE_XTRACE, 62, PETSC_ERR_ARG_OUTOFRANGE, "-matvecs <= 60");
  refuse(A, LATHE_TRACE_XNYSTRACE, 31, PETSC_ERR_ARG_OUTOFRANGE, "-matvecs <= 30");
  refuse(indefinite, LATHE_TRACE_XNYSTRACE, 30, PETSC_ERR_ARG_WRONG, "negative eigenvalue");
  refuse(skew, LATHE_TRACE_XNYSTRACE, 10, PETSC_ERR_ARG_WRONG, "not symmetric");

  // An operator that gives NaN, in a row of the last rank.
  MatHandle shell;
  PetscInt local = 0;
  PETSC_OK(MatGetLocalSize(A, &local, nullptr));
  PETSC_OK(MatCreateShell(PETSC_COMM_WORLD, local, local, n, n, nullptr, shell.out()));
  const auto poison = +[](Mat, Vec x, Vec y) -> PetscErrorCode {
    PetscFunctionBegin;
    PetscCall(VecCopy(x, y));
    PetscCall(VecSetValue(y, 29, std::numeric_limits<double>::quiet_NaN(), INSERT_VALUES));
    PetscCall(VecAssemblyBegin(y));
    PetscCall(VecAssemblyEnd(y));
    PetscFunctionReturn(PETSC_SUCCESS);
  };
  PETSC_OK(MatShellSetOperation(shell, MATOP_MULT, reinterpret_cast<void (*)(void)>(poison)));
  for (const auto method : methods)
    refuse(shell, method, 12, PETSC_ERR_FP, "in row 29");

  LatheQuadratureOptions good, options;
  PETSC_OK(LatheQuadratureOptionsSetDefaults(&good));
  LatheSpectralSum s;
  const auto refuse_sum = [&](Mat M, LatheSpectralFunction f, const char *text) {
    const auto caught = test::catch_error([&] { return LatheMatSpectralSum(M, f, &options, &s); });
    INFO(caught.message);
    CHECK_ALL(caught.message.find(text) != std::string::npos);
    options = good;
  };
  options = good;
  refuse_sum(indefinite, LATHE_SPECTRAL_LOG, "has an eigenvalue <= -1");
  refuse_sum(indefinite, LATHE_SPECTRAL_INVERSE, "trace of the inverse needs a positive definite");
  refuse_sum(shell, LATHE_SPECTRAL_EXP, "in row 29");
  options.probes = 1;
  refuse_sum(A, LATHE_SPECTRAL_LOG, "-probes must be >= 2");
  options.max_steps = 0;
  refuse_sum(A, LATHE_SPECTRAL_LOG, "-lanczos_steps must be >= 1");
  options.tolerance = 0;
  refuse_sum(A, LATHE_SPECTRAL_LOG, "-quadrature_tolerance must be > 0");
  options.power = 0;
  refuse_sum(A, LATHE_SPECTRAL_POWER, "it must be > 0");
}

#endif
