// SPDX-License-Identifier: BSD-2-Clause
// Least squares against LAPACK's dgels and a sequential TSQR (dense) and SuiteSparseQR (sparse),
// one thread; passes over A against the read bandwidth of this machine, measured in between. With
// mpiexec -n P the efficiency of P ranks. Gate: every solution has a backward error below 3e-15, or
// a smaller gradient than the peer's.
#include "core/handle.h"
#include "least_squares_peers.h"
#include "sketching/least_squares_solver.h"
#include "sketching/local_vector.h"
#include "ranks.h"
#include "timing.h"
#include <cstdlib>
#ifdef LATHE_BENCH_SPQR
#include <SuiteSparseQR.hpp>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using namespace lathe;
using namespace lathe::sketching;
using least_squares::Problem;

int failures = 0;

void gate(bool holds, const char *what) {
  failures += holds ? 0 : 1;
  if (!holds)
    std::printf("GATE FAILED: %s\n", what);
}

// Condition about 1e6: a random matrix times a graded mixing of its columns.
Problem graded(std::size_t m, std::size_t n) {
  Problem p{.m = m, .n = n, .a = std::vector<double>(m * n), .b = std::vector<double>(m)};
  std::vector<double> raw(m * n), mix = least_squares::orthonormal(n, n, 3);
  for (std::size_t i = 0; i < raw.size(); i += 2) {
    const auto w = random::words(1, 2, i / 2);
    raw[i] = random::open_unit(w[0], w[1]) - 0.5;
    if (i + 1 < raw.size())
      raw[i + 1] = random::open_unit(w[2], w[3]) - 0.5;
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      mix[i + j * n] *= std::pow(1e-6, static_cast<double>(i) / static_cast<double>(n - 1));
  dense::gemm('N', 'N', m, n, n, 1.0, raw.data(), m, mix.data(), n, 0.0, p.a.data(), m);
  for (std::size_t i = 0; i < m; ++i)
    p.b[i] = random::uniform(1, 3, i) - 0.5 + p.at(i, 0);
  return p;
}

struct System {
  MatHandle a;
  VecHandle b, x;
};

PetscErrorCode Wrap(Problem &p, System *s) {
  PetscFunctionBeginUser;
  const auto m = static_cast<PetscInt>(p.m), n = static_cast<PetscInt>(p.n);
  PetscCall(MatCreateSeqDense(PETSC_COMM_SELF, m, n, reinterpret_cast<PetscScalar *>(p.a.data()),
                              s->a.out()));
  PetscCall(VecCreateSeqWithArray(PETSC_COMM_SELF, 1, m,
                                  reinterpret_cast<PetscScalar *>(p.b.data()), s->b.out()));
  PetscCall(MatCreateVecs(s->a, s->x.out(), nullptr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

LatheLeastSquaresResult solve(const System &s, LatheLeastSquaresMethod method, LatheRefine refine) {
  LatheLeastSquaresOptions o;
  LatheLeastSquaresResult r;
  PetscCallAbort(PETSC_COMM_SELF, LatheLeastSquaresOptionsSetDefaults(&o));
  o.method = method;
  o.refine = refine;
  PetscCallAbort(PETSC_COMM_SELF, LatheLeastSquares(s.a, s.b, nullptr, s.x, &o, &r));
  return r;
}

void report(const char *name, const std::string &size, const bench::Comparison &c, const char *peer,
            double bar, const LatheLeastSquaresResult &r) {
  std::printf("%-18s %-12s %8.4f s %-6s %8.4f s  ratio %5.2f [%5.2f, %5.2f] bar %4.2f  backward "
              "%.1e, %d + %d steps\n",
              name, size.c_str(), c.ours.median, peer, c.peer.median, c.ratio.median, c.ratio.min,
              c.ratio.max, bar, static_cast<double>(r.backward_error),
              static_cast<int>(r.refinements), static_cast<int>(r.iterations));
  gate(r.backward_error <= 3e-15 && r.reason > 0, name);
  bench::bench_line(name, size, c, peer, bar);
}

void dense_case(std::size_t m, std::size_t n, int repeats, double pne, double dd, double spir) {
  Problem p = graded(m, n);
  System s;
  PetscCallAbort(PETSC_COMM_SELF, Wrap(p, &s));
  const std::string size = std::to_string(m) + "x" + std::to_string(n);
  LatheLeastSquaresResult r{};
  const auto dgels = [&] { (void)least_squares::solve_dgels(p); };
  const auto tsqr = [&] { (void)least_squares::solve_tsqr(p); };
  const auto ours = [&](LatheLeastSquaresMethod method, LatheRefine refine) {
    return [&, method, refine] { r = solve(s, method, refine); };
  };
  const auto once = ours(LATHE_LS_PNE, LATHE_REFINE_DOUBLE);
  report("ls_pne", size, bench::alternate(repeats, once, dgels), "dgels", pne, r);
  report("ls_pne", size, bench::alternate(repeats, once, tsqr), "tsqr", 1 / 1.1, r);
  const auto twice = ours(LATHE_LS_PNE, LATHE_REFINE_DD);
  report("ls_pne_dd", size, bench::alternate(repeats, twice, dgels), "dgels", dd, r);
  const auto products = ours(LATHE_LS_SPIR, LATHE_REFINE_DOUBLE);
  report("ls_spir", size, bench::alternate(repeats, products, dgels), "dgels", spir, r);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) double read_avx2(const double *a, std::size_t count) {
  __m256d sum[8] = {};
  for (std::size_t i = 0; i + 32 <= count; i += 32)
    for (std::size_t q = 0; q < 8; ++q)
      sum[q] = _mm256_add_pd(sum[q], _mm256_loadu_pd(a + i + 4 * q));
  for (std::size_t q = 1; q < 8; ++q)
    sum[0] = _mm256_add_pd(sum[0], sum[q]);
  return sum[0][0] + sum[0][1] + sum[0][2] + sum[0][3];
}
#endif
double read_all(const double *a, std::size_t count) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2"))
    return read_avx2(a, count);
#endif
  double sum[8] = {};
  for (std::size_t i = 0; i + 8 <= count; i += 8)
    for (std::size_t q = 0; q < 8; ++q)
      sum[q] += a[i + q];
  return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

// Share of the read bandwidth: the time of reading A over the time of a pass.
void passes(std::size_t m, std::size_t n) {
  Problem p = graded(m, n);
  System s;
  PetscCallAbort(PETSC_COMM_SELF, Wrap(p, &s));
  LocalRows rows;
  PetscCallAbort(PETSC_COMM_SELF, rows.Create(s.a));
  volatile double sink = 0;
  const double bars[] = {0.6, 0.4, 0};
  const char *const names[] = {"ls_pass_double", "ls_pass_dd", "ls_pass_quad"};
  for (int terms = 1; terms <= 3; ++terms) {
    ExpansionVector x(terms, n), g(terms, n);
    for (std::size_t j = 0; j < n; ++j)
      x.add(j, random::uniform(1, 5, j));
    double norm2 = 0;
    const NormalTerms given{.x = &x, .b = terms == 1 ? nullptr : p.b.data()};
    const bench::Comparison c = bench::alternate(
        15, [&] { PetscCallAbort(PETSC_COMM_SELF, rows.NormalResidual(given, &g, &norm2)); },
        [&] { sink = sink + read_all(p.a.data(), m * n); });
    std::printf("%-18s %zux%zu %.4f s, %.2f of the read bandwidth (%.1f GB/s), bar %.2f\n",
                names[terms - 1], m, n, c.ours.median, c.ratio.median,
                8e-9 * static_cast<double>(m * n) / c.peer.median, bars[terms - 1]);
    bench::bench_line(names[terms - 1], std::to_string(m) + "x" + std::to_string(n), c, "read",
                      bars[terms - 1]);
  }
}

// The whole problem on every rank beside its rows shared by all.
PetscErrorCode Parallel(std::size_t m, std::size_t n, int repeats) {
  System alone, together;
  PetscScalar *part = nullptr;
  PetscInt begin = 0, end = 0, ld = 0;
  PetscFunctionBegin;
  Problem p = graded(m, n);
  PetscCall(Wrap(p, &alone));
  PetscCall(MatCreateDense(PETSC_COMM_WORLD, PETSC_DECIDE, PETSC_DECIDE, static_cast<PetscInt>(m),
                           static_cast<PetscInt>(n), nullptr, together.a.out()));
  PetscCall(MatGetOwnershipRange(together.a, &begin, &end));
  PetscCall(MatDenseGetLDA(together.a, &ld));
  PetscCall(MatDenseGetArrayWrite(together.a, &part));
  for (std::size_t j = 0; j < n; ++j)
    std::copy(p.a.data() + j * m + begin, p.a.data() + j * m + end,
              part + j * static_cast<std::size_t>(ld));
  PetscCall(MatDenseRestoreArrayWrite(together.a, &part));
  PetscCall(MatAssemblyBegin(together.a, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(together.a, MAT_FINAL_ASSEMBLY));
  PetscCall(MatCreateVecs(together.a, together.x.out(), together.b.out()));
  PetscCall(VecGetArrayWrite(together.b, &part));
  std::copy(p.b.data() + begin, p.b.data() + end, part);
  PetscCall(VecRestoreArrayWrite(together.b, &part));
  const bench::Comparison c = bench::efficiency(
      repeats, [&] { (void)solve(alone, LATHE_LS_PNE, LATHE_REFINE_DD); },
      [&] { (void)solve(together, LATHE_LS_PNE, LATHE_REFINE_DD); });
  std::vector<double> x, y;
  PetscCall(Replicate(alone.x, &x));
  PetscCall(Replicate(together.x, &y));
  gate(x == y, "the same bits on every number of ranks");
  bench::report_efficiency("ls_pne_dd", std::to_string(m) + "x" + std::to_string(n), c, 0.85);
  PetscFunctionReturn(PETSC_SUCCESS);
}

#ifdef LATHE_BENCH_SPQR
// Rows of 6 entries in three pairs of columns that are nearly dependent, condition about 1e6.
struct Sparse {
  std::vector<PetscInt> offset{0}, column;
  std::vector<double> value, b;
};
Sparse paired(PetscInt m, PetscInt n) {
  Sparse a;
  for (PetscInt i = 0; i < m; ++i) {
    std::vector<std::pair<PetscInt, double>> row;
    double sum = 0;
    for (std::uint64_t t = 0; t < 3; ++t) {
      const auto w = random::words(3, 4 + t, static_cast<std::uint64_t>(i));
      const auto c = static_cast<PetscInt>(
          2 * ((static_cast<std::uint64_t>(w[0]) * static_cast<std::uint64_t>(n / 2)) >> 32));
      const double v = random::open_unit(w[1], w[2]) - 0.5, u = random::open_unit(w[3], w[0]) - 0.5;
      const double gap = std::pow(1e-6, static_cast<double>(c) / static_cast<double>(n - 2));
      row.emplace_back(c, v);
      row.emplace_back(c + 1, v + gap * u);
    }
    std::sort(row.begin(), row.end());
    for (const auto &[c, v] : row) {
      if (static_cast<PetscInt>(a.column.size()) > a.offset.back() && a.column.back() == c) {
        a.value.back() += v;
      } else {
        a.column.push_back(c);
        a.value.push_back(v);
      }
      sum += v;
    }
    a.offset.push_back(static_cast<PetscInt>(a.column.size()));
    a.b.push_back(sum + 0.01 * random::normal(3, 9, static_cast<std::uint64_t>(i)));
  }
  return a;
}

// ‖Aᵀr‖ in double-double.
double gradient(Mat A, const double *b, const double *x, std::size_t n) {
  LocalRows rows;
  PetscCallAbort(PETSC_COMM_SELF, rows.Create(A));
  ExpansionVector y(2, n), g(2, n);
  std::copy_n(x, n, y.value.begin());
  double norm2 = 0;
  PetscCallAbort(PETSC_COMM_SELF, rows.NormalResidual({.x = &y, .b = b}, &g, &norm2));
  return least_squares::length({g.value.begin(), g.value.begin() + static_cast<std::ptrdiff_t>(n)});
}

void sparse_case(PetscInt m, PetscInt n, int repeats) {
  Sparse a = paired(m, n);
  System s;
  PetscCallAbort(PETSC_COMM_SELF, MatCreateSeqAIJWithArrays(
                                      PETSC_COMM_SELF, m, n, a.offset.data(), a.column.data(),
                                      reinterpret_cast<PetscScalar *>(a.value.data()), s.a.out()));
  PetscCallAbort(PETSC_COMM_SELF,
                 VecCreateSeqWithArray(PETSC_COMM_SELF, 1, m,
                                       reinterpret_cast<PetscScalar *>(a.b.data()), s.b.out()));
  PetscCallAbort(PETSC_COMM_SELF, MatCreateVecs(s.a, s.x.out(), nullptr));
  cholmod_common cc;
  cholmod_l_start(&cc);
  const auto nz = a.value.size();
  cholmod_triplet *t = cholmod_l_allocate_triplet(
      static_cast<std::size_t>(m), static_cast<std::size_t>(n), nz, 0, CHOLMOD_REAL, &cc);
  t->nnz = nz;
  for (PetscInt i = 0; i < m; ++i)
    for (PetscInt k = a.offset[static_cast<std::size_t>(i)];
         k < a.offset[static_cast<std::size_t>(i) + 1]; ++k) {
      static_cast<SuiteSparse_long *>(t->i)[k] = i;
      static_cast<SuiteSparse_long *>(t->j)[k] = a.column[static_cast<std::size_t>(k)];
      static_cast<double *>(t->x)[k] = a.value[static_cast<std::size_t>(k)];
    }
  cholmod_sparse *matrix = cholmod_l_triplet_to_sparse(t, nz, &cc);
  cholmod_dense *rhs = cholmod_l_allocate_dense(static_cast<std::size_t>(m), 1,
                                                static_cast<std::size_t>(m), CHOLMOD_REAL, &cc);
  std::copy(a.b.begin(), a.b.end(), static_cast<double *>(rhs->x));
  std::vector<double> theirs(static_cast<std::size_t>(n)), mine;
  LatheLeastSquaresResult r{};
  const bench::Comparison c = bench::alternate(
      repeats, [&] { r = solve(s, LATHE_LS_SPIR, LATHE_REFINE_DOUBLE); },
      [&] {
        cholmod_dense *x =
            SuiteSparseQR<double>(SPQR_ORDERING_DEFAULT, SPQR_NO_TOL, matrix, rhs, &cc);
        std::copy_n(static_cast<double *>(x->x), theirs.size(), theirs.begin());
        cholmod_l_free_dense(&x, &cc);
      });
  PetscCallAbort(PETSC_COMM_SELF, Replicate(s.x, &mine));
  const auto count = static_cast<std::size_t>(n);
  const double our_gradient = gradient(s.a, a.b.data(), mine.data(), count);
  const double their_gradient = gradient(s.a, a.b.data(), theirs.data(), count);
  std::printf("|A'r|: spir %.2e, spqr %.2e\n", our_gradient, their_gradient);
  gate(our_gradient < their_gradient, "gradient of spir below that of spqr");
  report("ls_spir_sparse", std::to_string(m) + "x" + std::to_string(n), c, "spqr", 1 / 0.06, r);
  cholmod_l_free_dense(&rhs, &cc);
  cholmod_l_free_sparse(&matrix, &cc);
  cholmod_l_free_triplet(&t, &cc);
  cholmod_l_finish(&cc);
}
#endif

} // namespace

/// Optional argument: largest number of columns to run.
int main(int argc, char **argv) {
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  PetscCallAbort(PETSC_COMM_SELF, PetscInitialize(&argc, &argv, nullptr, nullptr));
  const std::size_t limit =
      argc > 1 && argv[1][0] != '-' ? std::strtoul(argv[1], nullptr, 10) : 100000;
  int size = 1;
  (void)MPI_Comm_size(PETSC_COMM_WORLD, &size);
  if (size > 1) {
    PetscCallAbort(PETSC_COMM_WORLD, Parallel(200000, 100, 7));
    PetscCallAbort(PETSC_COMM_WORLD, Parallel(40000, 500, 7));
    PetscCallAbort(PETSC_COMM_WORLD, PetscFinalize());
    return failures == 0 ? 0 : 1;
  }
  passes(200000, 100);
  if (limit >= 100)
    dense_case(200000, 100, 7, 1 / 0.33, 1 / 0.38, 1 / 0.38);
  if (limit >= 300)
    dense_case(100000, 300, 7, 1 / 0.60, 1 / 0.62, 0);
#ifdef LATHE_BENCH_SPQR
  if (limit >= 500)
    sparse_case(200000, 1000, 7);
#endif
  if (limit >= 1000)
    dense_case(40000, 1000, 7, 1, 0, 0);
  PetscCallAbort(PETSC_COMM_SELF, PetscFinalize());
  return failures == 0 ? 0 : 1;
}
