// SPDX-License-Identifier: BSD-2-Clause
// Sketches of a tall dense matrix against one pass of reading it, and against the plain ways to do
// the same: a scatter loop, SciPy's CountSketch, a stored Gaussian matrix and BLAS. One thread.
// Gate: reproducible and plain sums agree, and so do ours and the scatter loop's.
//   bench_sketch_apply [rows, default 500000]
#include "core/dense.h"
#include "core/error.h"
#include "core/handle.h"
#include "core/random.h"
#include "peer_process.h"
#include "sketching/isa.h"
#include "sketching/sketch.h"
#include "sketching/sketch_kernels.h"
#include "timing.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>

using namespace lathe;
using namespace lathe::sketching;

namespace {

constexpr int repeats = 7;
int failures = 0;

struct Problem {
  MatHandle a;
  std::int64_t m = 0, n = 100;
  std::vector<double> values;
  std::vector<const double *> columns;
  [[nodiscard]] ColumnRows rows() const { return {columns.data(), n, m, 0, 1}; }
  [[nodiscard]] std::string size(std::int64_t d) const {
    return std::to_string(m) + "x" + std::to_string(n) + " d=" + std::to_string(d);
  }
};

PetscErrorCode Create(std::int64_t m, Problem *p) {
  PetscScalar *out = nullptr;
  PetscFunctionBegin;
  p->m = m;
  PetscCall(MatCreateSeqDense(PETSC_COMM_SELF, static_cast<PetscInt>(m),
                              static_cast<PetscInt>(p->n), nullptr, p->a.out()));
  p->values.resize(static_cast<std::size_t>(m * p->n));
  const DenseEntries entries{.seed = 1, .rows = m};
  std::vector<double> column(static_cast<std::size_t>(entry_rows(m)));
  for (std::int64_t j = 0; j < p->n; ++j) {
    isa().entries(entries, j, 1, column.data());
    std::copy_n(column.begin(), m, p->values.begin() + static_cast<std::ptrdiff_t>(j * m));
    p->columns.push_back(p->values.data() + j * m);
  }
  PetscCall(MatDenseGetArray(p->a, &out));
  std::copy(p->values.begin(), p->values.end(), out);
  PetscCall(MatDenseRestoreArray(p->a, &out));
  PetscCall(MatAssemblyBegin(p->a, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(p->a, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

std::vector<double> sketch(const Sketch &s, const Problem &p) {
  std::vector<PetscScalar> sa;
  if (SketchApply(s, p.a, sa) != PETSC_SUCCESS)
    std::abort();
  std::vector<double> real(sa.size());
  std::transform(sa.begin(), sa.end(), real.begin(),
                 [](PetscScalar x) { return PetscRealPart(x); });
  return real;
}

double difference(const std::vector<double> &x, const std::vector<double> &y) {
  double worst = x.size() == y.size() ? 0 : HUGE_VAL, scale = 0;
  for (std::size_t k = 0; k < x.size() && k < y.size(); ++k) {
    worst = std::max(worst, std::abs(x[k] - y[k]));
    scale = std::max(scale, std::abs(x[k]));
  }
  return worst / scale;
}

void report(const std::string &name, const Problem &p, std::int64_t d, const bench::Comparison &c,
            const std::string &peer, double bar, double error) {
  const double bytes = 8.0 * static_cast<double>(p.m * p.n);
  failures += error < 1e-12 ? 0 : 1;
  std::printf("%-30s %-20s %8.4f s %6.2f GB/s  %-28s %8.4f s  ratio %6.3f [%.3f, %.3f] bar %g%s\n",
              name.c_str(), p.size(d).c_str(), c.ours.median, bytes / c.ours.median * 1e-9,
              peer.c_str(), c.peer.median, c.ratio.median, c.ratio.min, c.ratio.max, bar,
              error < 1e-12 ? "" : "  GATE FAILED");
  bench::bench_line(name, p.size(d), c, peer, bar);
}

// Column by column, the codes known: what a user writes first.
void scatter(const SparseColumns &s, const Problem &p, std::vector<Code> &codes,
             std::vector<double> &sa) {
  codes.resize(static_cast<std::size_t>(p.m * s.nonzeros));
  isa().codes(s, 0, p.m, codes.data());
  sa.assign(static_cast<std::size_t>(s.rows * p.n), 0);
  for (std::int64_t j = 0; j < p.n; ++j) {
    double *out = sa.data() + j * s.rows;
    const Code *code = codes.data();
    for (std::int64_t i = 0; i < p.m; ++i)
      for (int z = 0; z < s.nonzeros; ++z, ++code)
        out[*code / 2] += *code % 2 != 0 ? -p.columns[j][i] : p.columns[j][i];
  }
  for (double &x : sa)
    x /= std::sqrt(static_cast<double>(s.nonzeros));
}

void against_reading(const Problem &p) {
  std::vector<double> largest(static_cast<std::size_t>(p.n));
  const auto read = [&] { isa().largest(p.rows(), largest.data()); };
  struct Row {
    const char *name;
    Sketch s;
    double bar;
  };
  const Sketch base{.rows = 4 * p.n, .columns = p.m, .seed = 3, .reproducible = false};
  Sketch count = base, block = base, two_rounds = base;
  count.kind = SketchKind::CountSketch;
  block.kind = two_rounds.kind = SketchKind::BlockSrht;
  block.rounds = 1;
  for (const Row &row :
       {Row{"sketch_sparse_stack", base, 0.16}, Row{"sketch_count", count, 0.30},
        Row{"sketch_block_srht", block, 0.17}, Row{"sketch_block_srht_2_rounds", two_rounds, 0}}) {
    std::vector<double> plain;
    Sketch exact = row.s;
    exact.reproducible = true;
    const auto c = bench::alternate(
        repeats, [&] { plain = sketch(row.s, p); }, read);
    report(row.name, p, base.rows, c, "reading the matrix once", row.bar,
           difference(plain, sketch(exact, p)));
  }
}

void against_plain_ways(const Problem &p) {
  Sketch s{.rows = 4 * p.n, .columns = p.m, .seed = 3, .reproducible = false};
  std::vector<double> ours, theirs;
  std::vector<Code> codes;
  const SparseColumns columns = sparse_columns_of(s);
  const auto loop = bench::alternate(
      repeats, [&] { ours = sketch(s, p); }, [&] { scatter(columns, p, codes, theirs); });
  report("sketch_sparse_stack", p, s.rows, loop, "scatter loop", 5, difference(ours, theirs));
  Sketch exact = s;
  exact.reproducible = true;
  const auto plain = bench::alternate(
      repeats, [&] { ours = sketch(exact, p); }, [&] { theirs = sketch(s, p); });
  report("sketch_reproducible", p, s.rows, plain, "not reproducible", 1 / 1.7,
         difference(ours, theirs));
}

void against_scipy(const Problem &p) {
  bench::PeerProcess python("/usr/bin/python3", LATHE_SCIPY_SKETCH);
  if (!python.alive()) {
    std::printf("no SciPy: its CountSketch is left out\n");
    return;
  }
  const Sketch s{.kind = SketchKind::CountSketch,
                 .rows = 4 * p.n,
                 .columns = p.m,
                 .seed = 3,
                 .reproducible = false};
  for (const char *order : {"F", "C"}) {
    std::vector<double> a, b, r;
    (void)python.ask(std::string("matrix ") + order + " " + std::to_string(p.m) + " " +
                     std::to_string(p.n));
    for (int k = 0; k < repeats; ++k) {
      a.push_back(bench::seconds([&] { (void)sketch(s, p); }));
      b.push_back(std::atof(python.ask("sketch " + std::to_string(s.rows)).c_str()));
      r.push_back(b.back() / a.back());
    }
    report("sketch_count", p, s.rows, {bench::spread(a), bench::spread(b), bench::spread(r)},
           std::string("scipy clarkson_woodruff, ") + order, order[0] == 'F' ? 1 : 0, 0);
  }
}

void gaussian(const Problem &p) {
  const DenseEntries s{.seed = 5, .rows = 256};
  constexpr std::int64_t count = 4096;
  const auto entries = static_cast<double>(s.rows * count);
  std::vector<double> out(static_cast<std::size_t>(entry_rows(s.rows) * count)), other(out.size());
  std::mt19937_64 engine(1);
  std::normal_distribution<double> normal;
  const auto c = bench::alternate(
      repeats, [&] { isa().entries(s, 0, count, out.data()); },
      [&] {
        for (double &x : other)
          x = normal(engine);
      });
  bench::bench_line("gaussian_entries", std::to_string(static_cast<long>(entries)), c,
                    "std::normal_distribution", 3);
  // The time that a normal may take; none is promised without AVX2.
  const bool avx512 = std::strcmp(isa().name, "avx512") == 0;
  const bool promised = avx512 || std::strcmp(isa().name, "avx2") == 0;
  const double limit_ns = avx512 ? 3 : 6, limit = limit_ns * 1e-9 * entries;
  std::printf("normals on %s: %.2f ns each (bar: 6 with AVX2, 3 with AVX-512)\n", isa().name,
              c.ours.median / entries * 1e9);
  bench::bench_line("gaussian_entries", std::to_string(static_cast<long>(entries)),
                    {c.ours,
                     {limit, limit, limit},
                     {limit / c.ours.median, limit / c.ours.max, limit / c.ours.min}},
                    "limit_" + std::to_string(static_cast<int>(limit_ns)) + "ns", promised ? 1 : 0);
  // As libraries do that store S: fill it, then one product.
  Sketch g{.kind = SketchKind::Gaussian, .rows = 2 * p.n, .columns = p.m, .seed = 5};
  std::vector<double> ours, theirs(static_cast<std::size_t>(g.rows * p.n)),
      stored(static_cast<std::size_t>(g.rows * p.m));
  const auto stored_way = [&] {
    for (double &x : stored)
      x = normal(engine);
    dense::gemm<double>('N', 'N', static_cast<std::size_t>(g.rows), static_cast<std::size_t>(p.n),
                        static_cast<std::size_t>(p.m), 1, stored.data(),
                        static_cast<std::size_t>(g.rows), p.values.data(),
                        static_cast<std::size_t>(p.m), 0, theirs.data(),
                        static_cast<std::size_t>(g.rows));
  };
  report("sketch_gaussian", p, g.rows,
         bench::alternate(
             repeats, [&] { ours = sketch(g, p); }, stored_way),
         "stored normals and BLAS", 2, 0);
}

} // namespace

int main(int argc, char **argv) {
  if (PetscInitialize(&argc, &argv, nullptr, nullptr) != PETSC_SUCCESS)
    return 2;
  {
    Problem p;
    if (Create(argc > 1 ? std::atoll(argv[1]) : 500000, &p) != PETSC_SUCCESS)
      return 2;
    against_reading(p);
    against_plain_ways(p);
    against_scipy(p);
    gaussian(p);
  }
  (void)PetscFinalize();
  return failures == 0 ? 0 : 1;
}
