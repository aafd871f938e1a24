// SPDX-License-Identifier: BSD-2-Clause
// sketch_quality: how well sketches keep the norms of a subspace, and the coordinates of a least
// squares problem, over many seeds.
#include "core/dense.h"
#include "core/handle.h"
#include "core/interruption.h"
#include "core/random.h"
#include "driver/driver.h"
#include "sketching/distortion.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace {

using namespace lathe::driver;
using namespace lathe::sketching;
namespace dense = lathe::dense;

const std::vector<std::string> kind_names = {"sparse_stack",  "sparse_sign",    "count_sketch",
                                             "gaussian",      "rademacher",     "srht",
                                             "srct_cosine",   "srct_circulant", "block_srht",
                                             "tensor_sketch", "kronecker_srht", "khatri_rao"};

struct Settings {
  std::int64_t rows = 4096, columns = 50, seeds = 20, nonzeros = 8, rounds = 2, block = 512;
  std::vector<std::int64_t> factors = {2, 4, 12};
  std::vector<std::string> kinds = {"sparse_stack",  "count_sketch",   "gaussian",
                                    "srht",          "srct_cosine",    "block_srht",
                                    "tensor_sketch", "kronecker_srht", "khatri_rao"};
  std::vector<std::string> inputs = {"incoherent", "coherent"};
};

void declare(Options &o, Settings &s) {
  o.group("Subspace");
  o.integer("-rows", s.rows, "1", Interval::closed(2, 1 << 24), "m, the dimension around it");
  o.integer("-columns", s.columns, "1", Interval::closed(1, 2000), "n, its dimension");
  o.choices("-inputs", s.inputs, {"incoherent", "coherent", "half"},
            "random subspace, span of unit vectors, half of each");
  o.group("Sketches: one case for each kind, factor and input");
  o.choices("-kinds", s.kinds, kind_names,
            "kinds of sketches; the last three number the rows as those of a Kronecker product of "
            "two factors, as near to each other as divisors of -rows can be");
  o.integers("-factors", s.factors, "1", Interval::closed(1, 10000), "rows d as multiples of n");
  o.integer("-seeds", s.seeds, "1", Interval::closed(1, 100000), "draws of each, from -seed on");
  o.integer("-nnz", s.nonzeros, "1", Interval::closed(1, 64), "entries a column of sparse kinds");
  o.integer("-rounds", s.rounds, "1", Interval::closed(1, 8), "of srht, srct_cosine, block_srht");
  o.integer("-block", s.block, "1", Interval::closed(1, 1 << 24), "rows of a block of block_srht");
}

const Column columns[] = {
    {.name = "kind", .kind = Kind::text, .long_name = "kind of the sketch"},
    {.name = "input", .kind = Kind::text, .long_name = "kind of the subspace"},
    {.name = "d", .kind = Kind::integer, .long_name = "rows of the sketch"},
    {.name = "factor", .kind = Kind::integer, .long_name = "rows over the dimension"},
    {.name = "smallest", .long_name = "smallest singular value of S Q in any draw"},
    {.name = "largest", .long_name = "largest singular value of S Q in any draw"},
    {.name = "spectrum",
     .long_name = "singular values of S Q in the first draw; those of A R^-1, with S A = Q R for "
                  "any A of this range, are the reciprocals",
     .dims = {"direction"}},
    {.name = "smallest_by_draw", .long_name = "smallest singular value of S Q", .dims = {"draw"}},
    {.name = "largest_by_draw", .long_name = "largest singular value of S Q", .dims = {"draw"}},
    {.name = "coordinate_p50",
     .long_name = "median of sqrt(d) max|x' - x|/|b| for sketched least squares, b outside the "
                  "range of Q; infinite of draws that lose a direction"},
    {.name = "coordinate_p99",
     .long_name =
         "99th percentile of the same, between draws by linear interpolation; of fewer than "
         "100 draws it is near their maximum"},
    {.name = "coordinate_max", .long_name = "maximum of the same"},
    {.name = "coordinate_by_draw", .long_name = "the same in each draw", .dims = {"draw"}},
};

// Q with orthonormal columns and a unit vector orthogonal to them, m × (n + 1), the same on every
// rank.
std::vector<double> basis(const std::string &input, std::size_t m, std::size_t n,
                          std::uint64_t seed) {
  std::vector<double> q(m * (n + 1));
  for (std::size_t j = 0; j <= n; ++j) {
    double *column = q.data() + m * j;
    const bool unit = input == "coherent" || (input == "half" && j < n / 2);
    if (unit) {
      column[j] = 1;
      continue;
    }
    for (std::size_t i = 0; i < m; ++i)
      column[i] = lathe::random::normal(seed, j, i);
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t k = 0; k < j; ++k) {
        const double *other = q.data() + m * k;
        const double product = std::inner_product(column, column + m, other, 0.0);
        for (std::size_t i = 0; i < m; ++i)
          column[i] -= product * other[i];
      }
      const double norm = std::sqrt(std::inner_product(column, column + m, column, 0.0));
      for (std::size_t i = 0; i < m; ++i)
        column[i] /= norm;
    }
  }
  return q;
}

PetscErrorCode Distribute(MPI_Comm comm, const std::vector<double> &q, PetscInt m, PetscInt n,
                          Mat *a) {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscScalar *out = nullptr;
  PetscFunctionBeginUser;
  PetscCall(MatCreateDense(comm, PETSC_DECIDE, PETSC_DECIDE, m, n, nullptr, a));
  PetscCall(MatGetOwnershipRange(*a, &begin, &end));
  PetscCall(MatDenseGetArray(*a, &out));
  for (PetscInt j = 0; j < n; ++j)
    for (PetscInt i = begin; i < end; ++i)
      out[i - begin + j * (end - begin)] = q[static_cast<std::size_t>(i + std::int64_t{j} * m)];
  PetscCall(MatDenseRestoreArray(*a, &out));
  PetscCall(MatAssemblyBegin(*a, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*a, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// max|x'| for x' = argmin |S Q x − S b| from the Gram matrix of [S Q, S b]; the small ridge is for
// sketches that lose directions.
double coordinate_error(const std::vector<double> &sqb, std::size_t d, std::size_t n) {
  const std::size_t k = n + 1;
  std::vector<double> gram(k * k), x(n);
  dense::herk('U', 'C', k, d, 1.0, sqb.data(), d, 0.0, gram.data(), k);
  std::copy_n(gram.begin() + static_cast<std::ptrdiff_t>(n * k), n, x.begin());
  for (std::size_t j = 0; j < n; ++j)
    gram[j * (k + 1)] += 1e-12;
  if (dense::potrf('U', n, gram.data(), k) != 0)
    return std::numeric_limits<double>::infinity();
  dense::trsm('L', 'U', 'C', n, 1, gram.data(), k, x.data(), n);
  dense::trsm('L', 'U', 'N', n, 1, gram.data(), k, x.data(), n);
  double most = 0;
  for (const double value : x)
    most = std::max(most, std::abs(value));
  return most;
}

struct Draws {
  std::vector<double> spectrum, smallest, largest, coordinate;
};

PetscErrorCode DrawOnce(const Sketch &sketch, Mat qb, std::size_t n, Draws *draws) {
  std::vector<PetscScalar> sa;
  PetscFunctionBeginUser;
  PetscCall(SketchApply(sketch, qb, sa));
  const auto d = static_cast<std::size_t>(sketch.rows);
  std::vector<double> real(sa.size()), values(n);
  std::transform(sa.begin(), sa.end(), real.begin(),
                 [](PetscScalar x) { return PetscRealPart(x); });
  draws->coordinate.push_back(std::sqrt(static_cast<double>(d)) * coordinate_error(real, d, n));
  PetscCheck(dense::singular_values(d, n, real.data(), d, values.data()) == 0, PETSC_COMM_SELF,
             PETSC_ERR_LIB, "LAPACK gesdd did not converge");
  if (draws->spectrum.empty())
    draws->spectrum = values;
  draws->smallest.push_back(values.back());
  draws->largest.push_back(values.front());
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Between two draws by linear interpolation, as numpy.quantile. Infinite draws come last.
double quantile(std::vector<double> x, double q) {
  std::sort(x.begin(), x.end());
  const double at = q * static_cast<double>(x.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const double share = at - static_cast<double>(below);
  return share > 0 ? x[below] + share * (x[below + 1] - x[below]) : x[below];
}

struct CaseOf {
  Sketch sketch;
  std::string input;
  std::int64_t factor;
};

PetscErrorCode Measure(Driver &d, const Settings &s, const CaseOf &c, Record &r) {
  const auto n = static_cast<std::size_t>(s.columns);
  lathe::MatHandle qb;
  Draws draws;
  Sketch sketch = c.sketch;
  PetscFunctionBeginUser;
  PetscCall(Distribute(d.comm(), basis(c.input, static_cast<std::size_t>(s.rows), n, d.seed()),
                       static_cast<PetscInt>(s.rows), static_cast<PetscInt>(n + 1), qb.out()));
  for (std::int64_t k = 0; k < s.seeds; ++k) {
    PetscCall(lathe::StopTogether(d.comm()));
    sketch.seed = d.seed() + static_cast<std::uint64_t>(k);
    PetscCall(DrawOnce(sketch, qb, n, &draws));
  }
  r.text("kind", name_of(sketch.kind));
  r.text("input", c.input);
  r.integer("d", sketch.rows);
  r.integer("factor", c.factor);
  r.real("smallest", *std::min_element(draws.smallest.begin(), draws.smallest.end()));
  r.real("largest", *std::max_element(draws.largest.begin(), draws.largest.end()));
  r.real("coordinate_p50", quantile(draws.coordinate, 0.5));
  r.real("coordinate_p99", quantile(draws.coordinate, 0.99));
  r.real("coordinate_max", quantile(draws.coordinate, 1));
  r.array("spectrum", draws.spectrum);
  r.array("smallest_by_draw", draws.smallest);
  r.array("largest_by_draw", draws.largest);
  r.array("coordinate_by_draw", draws.coordinate);
  PetscFunctionReturn(PETSC_SUCCESS);
}

// m = m₁·m₂ with m₁ ≤ m₂ as near to each other as divisors can be; none for other kinds.
decltype(Sketch::factors) factors_of(SketchKind kind, std::int64_t m) {
  if (!is_tensor(kind))
    return {};
  auto first = static_cast<std::int64_t>(std::sqrt(static_cast<double>(m)));
  while (m % first != 0)
    --first;
  return {first, m / first};
}

PetscErrorCode compute(Driver &d, const Settings &s) {
  std::vector<CaseOf> cases;
  std::vector<std::string> names;
  PetscFunctionBeginUser;
  PetscCheck(s.columns < s.rows, d.comm(), PETSC_ERR_USER_INPUT,
             "-columns %lld; must be less than -rows %lld", static_cast<long long>(s.columns),
             static_cast<long long>(s.rows));
  for (const std::string &input : s.inputs)
    for (const std::string &kind : s.kinds)
      for (const std::int64_t factor : s.factors) {
        const auto k = static_cast<SketchKind>(
            std::find(kind_names.begin(), kind_names.end(), kind) - kind_names.begin());
        cases.push_back({{.kind = k,
                          .rows = factor * s.columns,
                          .columns = s.rows,
                          .nonzeros = static_cast<int>(s.nonzeros),
                          .rounds = static_cast<int>(s.rounds),
                          .block = s.block,
                          .factors = factors_of(k, s.rows)},
                         input,
                         factor});
        names.push_back(kind + ", d = " + std::to_string(factor) + "n, " + input);
      }
  std::vector<std::int64_t> directions(static_cast<std::size_t>(s.columns));
  std::iota(directions.begin(), directions.end(), std::int64_t{1});
  std::vector<std::int64_t> seeds;
  for (std::int64_t k = 0; k < s.seeds; ++k)
    seeds.push_back(static_cast<std::int64_t>(d.seed() + static_cast<std::uint64_t>(k)));
  PetscCall(d.coordinate({.name = "direction", .long_name = "singular value, from the largest, 1"},
                         directions));
  PetscCall(d.coordinate(
      {.name = "draw", .long_name = "seed of the draw, less 2^64 where it is 2^63 or more"},
      seeds));
  PetscCall(d.run_cases("case", names, columns,
                        [&](std::size_t i, Record &r) { return Measure(d, s, cases[i], r); }));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  Settings settings;
  const About about{"sketch_quality", "Singular values and least squares of random sketches",
                    "Camaño, Epperly, Meyer, Tropp: Faster linear algebra algorithms with "
                    "structured random matrices, arXiv:2508.21189 (2025); Song, Ye, Yin, Zhang: A "
                    "nearly-optimal bound for fast regression with l_inf guarantee, ICML (2023)",
                    "R0"};
  return run(
      argc, argv, about, [&](Options &o) { declare(o, settings); },
      [&](Driver &d) { return compute(d, settings); });
}
