// SPDX-License-Identifier: BSD-2-Clause
#include "driver/design.h"
#include "core/random.h"
#include "sketching/normal_residual.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace lathe::driver {
namespace {

constexpr double most_design_columns = 20000;
constexpr std::size_t most_in_median = 512; // centres: 130 816 distances

/// The chosen features of this rank's rows, row-major: row i begins at i·width.
struct Features {
  std::vector<double> values;
  std::size_t rows = 0, width = 0;
  std::int64_t first_row = 0, all_rows = 0;
  [[nodiscard]] const double *row(std::size_t i) const { return values.data() + i * width; }
};

PetscErrorCode Choose(Mat A, std::vector<std::int64_t> chosen, Features *f) {
  PetscFunctionBeginUser;
  sketching::LocalRows rows;
  PetscCall(rows.Create(A));
  const auto columns = static_cast<std::int64_t>(rows.cols());
  for (const std::int64_t j : chosen)
    PetscCheck(j < columns, rows.comm(), PETSC_ERR_USER_INPUT,
               "-features %lld is no column of -mat; its columns are 0 to %lld",
               static_cast<long long>(j), static_cast<long long>(columns - 1));
  if (chosen.empty()) {
    chosen.resize(rows.cols());
    std::iota(chosen.begin(), chosen.end(), 0);
  }
  f->rows = rows.rows();
  f->width = chosen.size();
  f->first_row = rows.first_row();
  f->all_rows = rows.global_rows();
  f->values.resize(f->rows * f->width);
  std::vector<double> one(rows.cols());
  for (std::size_t i = 0; i < f->rows; ++i) {
    PetscCall(rows.Copy(i, 1, nullptr, one.data(), 1));
    for (std::size_t k = 0; k < f->width; ++k)
      f->values[i * f->width + k] = one[static_cast<std::size_t>(chosen[k])];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// A monomial is the product of an earlier one and a feature; the constant comes first.
struct Monomial {
  std::size_t earlier = 0, feature = 0;
};

std::vector<Monomial> monomials(std::size_t features, std::int64_t degree) {
  std::vector<Monomial> all{{}};
  std::size_t begin = 0; // of those of the degree before
  for (std::int64_t g = 1; g <= degree; ++g) {
    const std::size_t end = all.size();
    // features in increasing order: x₀x₁ is x₀ times x₁, never x₁ times x₀
    for (std::size_t e = begin; e < end; ++e)
      for (std::size_t k = e == 0 ? 0 : all[e].feature; k < features; ++k)
        all.push_back({e, k});
    begin = end;
  }
  return all;
}

/// Number of monomials, (features + degree over degree).
double count_monomials(std::size_t features, std::int64_t degree) {
  double count = 1;
  for (std::int64_t g = 1; g <= degree && count <= most_design_columns; ++g)
    count = count * static_cast<double>(features + static_cast<std::size_t>(g)) /
            static_cast<double>(g);
  return count;
}

/// `count` different rows, drawn from the seed, in increasing order: those of the smallest random
/// numbers. On every rank.
std::vector<std::int64_t> draw_rows(std::int64_t rows, std::int64_t count, std::uint64_t seed) {
  constexpr std::uint64_t stream = 0x63656e74;
  std::vector<std::pair<double, std::int64_t>> keys;
  for (std::int64_t i = 0; i < rows; ++i)
    keys.emplace_back(random::uniform(seed, stream, static_cast<std::uint64_t>(i)), i);
  std::nth_element(keys.begin(), keys.begin() + (count - 1), keys.end());
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < count; ++i)
    chosen.push_back(keys[static_cast<std::size_t>(i)].second);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

double square_distance(const double *x, const double *y, std::size_t n) {
  double sum = 0;
  for (std::size_t k = 0; k < n; ++k)
    sum += (x[k] - y[k]) * (x[k] - y[k]);
  return sum;
}

double median_distance(const std::vector<double> &centres, std::size_t width) {
  const std::size_t count = std::min(centres.size() / width, most_in_median);
  std::vector<double> squares;
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j < i; ++j)
      squares.push_back(square_distance(&centres[i * width], &centres[j * width], width));
  if (squares.empty())
    return 0;
  const auto middle = squares.begin() + static_cast<std::ptrdiff_t>(squares.size() / 2);
  std::nth_element(squares.begin(), middle, squares.end());
  return std::sqrt(*middle);
}

/// Centre rows on every rank: each rank has some, and adding zeros to them changes nothing.
PetscErrorCode GatherCentres(MPI_Comm comm, const Features &f, const std::vector<std::int64_t> &at,
                             std::vector<double> *centres) {
  PetscFunctionBeginUser;
  centres->assign(at.size() * f.width, 0.0);
  for (std::size_t c = 0; c < at.size(); ++c) {
    const std::int64_t i = at[c] - f.first_row;
    if (i >= 0 && i < static_cast<std::int64_t>(f.rows))
      std::copy_n(f.row(static_cast<std::size_t>(i)), f.width, centres->data() + c * f.width);
  }
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, centres->data(), static_cast<int>(centres->size()),
                             MPI_DOUBLE, MPI_SUM, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Columns of the design at features x, into `out`.
using DesignRow = std::function<void(const double *x, double *out)>;

PetscErrorCode Fill(MPI_Comm comm, const Features &f, std::size_t columns, const DesignRow &rule,
                    MatHandle *A) {
  PetscInt lda = 0;
  PetscScalar *a = nullptr;
  PetscFunctionBeginUser;
  MatHandle design;
  PetscCall(MatCreateDense(comm, static_cast<PetscInt>(f.rows), PETSC_DECIDE,
                           static_cast<PetscInt>(f.all_rows), static_cast<PetscInt>(columns),
                           nullptr, design.out()));
  PetscCall(MatDenseGetArrayWrite(design, &a));
  PetscCall(MatDenseGetLDA(design, &lda));
  std::vector<double> row(columns);
  for (std::size_t i = 0; i < f.rows; ++i) {
    rule(f.row(i), row.data());
    for (std::size_t j = 0; j < columns; ++j)
      a[i + j * static_cast<std::size_t>(lda)] = row[j];
  }
  PetscCall(MatDenseRestoreArrayWrite(design, &a));
  PetscCall(MatAssemblyBegin(design, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(design, MAT_FINAL_ASSEMBLY));
  *A = std::move(design);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Polynomial(Driver &d, const Design &design, const Features &f, MatHandle *A) {
  PetscFunctionBeginUser;
  const double count = count_monomials(f.width, design.degree);
  PetscCheck(count <= most_design_columns, d.comm(), PETSC_ERR_USER_INPUT,
             "monomials of degree %lld in %lld features are more than %g columns; lower -degree or "
             "choose fewer -features",
             static_cast<long long>(design.degree), static_cast<long long>(f.width),
             most_design_columns);
  const std::vector<Monomial> terms = monomials(f.width, design.degree);
  PetscCall(Fill(
      d.comm(), f, terms.size(),
      [&terms](const double *x, double *out) {
        out[0] = 1;
        for (std::size_t j = 1; j < terms.size(); ++j)
          out[j] = out[terms[j].earlier] * x[terms[j].feature];
      },
      A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Rbf(Driver &d, const Design &design, const Features &f, MatHandle *A) {
  PetscFunctionBeginUser;
  PetscCheck(design.centres <= f.all_rows, d.comm(), PETSC_ERR_USER_INPUT,
             "-centres %lld; must be at most %lld, the rows of -mat",
             static_cast<long long>(design.centres), static_cast<long long>(f.all_rows));
  const auto at = draw_rows(f.all_rows, design.centres, d.seed());
  std::vector<double> centres;
  PetscCall(GatherCentres(d.comm(), f, at, &centres));
  const double bandwidth =
      design.bandwidth > 0 ? design.bandwidth : median_distance(centres, f.width);
  PetscCheck(bandwidth > 0, d.comm(), PETSC_ERR_USER_INPUT,
             "the median distance between the centres is 0; give a -bandwidth above 0");
  PetscCall(d.input_fact("bandwidth", bandwidth));
  const double scale = -0.5 / bandwidth / bandwidth;
  PetscCall(Fill(
      d.comm(), f, at.size() + 1,
      [&](const double *x, double *out) {
        out[0] = 1;
        for (std::size_t c = 0; c < at.size(); ++c)
          out[c + 1] = std::exp(scale * square_distance(x, &centres[c * f.width], f.width));
      },
      A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

void Design::Declare(Options &o) {
  o.group("Design matrix, made of the features in the columns of -mat");
  o.choice("-design", kind, {"none", "polynomial", "rbf"},
           "none: -mat as it is; all monomials up to -degree; a constant and Gaussians around rows "
           "of -mat");
  o.integers("-features", features, "1", Interval::closed(0, 1e9),
             "columns of -mat to use, from 0 on; none: all");
  o.integer("-degree", degree, "1", Interval::closed(1, 1000), "of polynomials, in total");
  o.integer("-centres", centres, "1", Interval::closed(1, most_design_columns - 1),
            "of Gaussians: rows of -mat drawn from -seed");
  o.real("-bandwidth", bandwidth, "1", Interval::at_least(0),
         "standard deviation of the Gaussians; 0: median distance between centres");
}

PetscErrorCode Design::Apply(Driver &d, MatHandle *A) const {
  PetscFunctionBeginUser;
  const std::pair<const char *, const char *> of[] = {
      {"-degree", "polynomial"}, {"-centres", "rbf"}, {"-bandwidth", "rbf"}};
  for (const auto &[option, design] : of)
    PetscCheck(kind == design || !d.given(option), d.comm(), PETSC_ERR_USER_INPUT,
               "option %s has no effect beside -design %s; it is of -design %s", option,
               kind.c_str(), design);
  if (none()) {
    PetscCheck(features.empty(), d.comm(), PETSC_ERR_USER_INPUT,
               "-features without a design; give -design polynomial or rbf");
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCheck(A->get(), d.comm(), PETSC_ERR_USER_INPUT,
             "-design %s without features; give them as -mat FILE", kind.c_str());
  Features f;
  PetscCall(Choose(*A, features, &f));
  PetscCall(d.input_fact("features", static_cast<std::int64_t>(f.width)));
  if (kind == "polynomial")
    PetscCall(Polynomial(d, *this, f, A));
  else
    PetscCall(Rbf(d, *this, f, A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
