// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/multivector.h"
#include "core/dense.h"
#include "core/prerounded.h"
#include "core/random.h"
#include "sketching/column_scale.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace lathe::sketching {

RowBlocks::RowBlocks(MPI_Comm comm, std::int64_t rows) : comm_(comm), rows_(rows) {
  int rank = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size_);
  range_ = range(rank);
}

Range RowBlocks::range(int rank) const {
  const Range b = block_range(blocks(), size_, rank);
  return {std::min(b.begin * height, rows_), std::min(b.end * height, rows_)};
}

namespace {

/// f(first local row, rows) for every block of this rank.
template <class F> void for_each_block(const RowBlocks &rows, F &&f) {
  const auto height = static_cast<std::size_t>(RowBlocks::height);
  for (std::size_t first = 0; first < rows.local(); first += height)
    f(first, std::min(height, rows.local() - first));
}

/// Exponents e with |entry| < 2^e in every column of X, then of Y, over all ranks.
PetscErrorCode ColumnExponents(TallView X, Entries of_x, TallView Y, std::vector<int> *exponents) {
  PetscFunctionBegin;
  exponents->assign(X.cols + Y.cols, std::numeric_limits<int>::min());
  const auto exponent = [&](const double *x) {
    double largest = 0;
    bool finite = true;
    for (std::size_t i = 0; i < X.rows.local(); ++i) {
      largest = std::max(largest, std::abs(x[i]));
      finite = finite && std::isfinite(x[i]);
    }
    if (!finite)
      return std::numeric_limits<int>::max();
    return largest > 0 ? std::ilogb(largest) + 1 : -1100;
  };
  for (std::size_t j = 0; j < X.cols; ++j)
    (*exponents)[j] = of_x == Entries::at_most_one ? 1 : exponent(X.column(j));
  const bool same = X.data == Y.data && X.rows.local() > 0; // without rows both may be null
  for (std::size_t j = 0; j < Y.cols; ++j)
    (*exponents)[X.cols + j] = j < X.cols && same ? (*exponents)[j] : exponent(Y.column(j));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, exponents->data(), static_cast<int>(exponents->size()),
                             MPI_INT, MPI_MAX, X.rows.comm()));
  for (std::size_t j = 0; j < exponents->size(); ++j)
    PetscCheck((*exponents)[j] < std::numeric_limits<int>::max(), X.rows.comm(), PETSC_ERR_FP,
               "Column %d of a multivector holds NaN or an infinity",
               static_cast<int>(j < X.cols ? j : j - X.cols));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Of x_iᵀy_j from those of the columns of X, `count` of them, and then of Y.
std::vector<int> product_exponents(const std::vector<int> &columns, std::size_t count) {
  std::vector<int> exponent;
  for (std::size_t j = count; j < columns.size(); ++j)
    for (std::size_t i = 0; i < count; ++i)
      exponent.push_back(columns[i] + columns[j]);
  return exponent;
}

/// sums[i] = Σ over all blocks of what f adds to part[i]; |part[i]| ≤ height·2^exponent[i].
template <class F>
PetscErrorCode SumBlocks(const RowBlocks &rows, const std::vector<int> &exponent, F &&f,
                         double *sums) {
  PetscFunctionBegin;
  constexpr int height_bits = 9; // height = 2⁹
  static_assert(RowBlocks::height == 1 << height_bits);
  const std::size_t count = exponent.size();
  const PreRounding rounding(std::max<std::int64_t>(rows.blocks(), 1));
  std::vector<double> part(count);
  std::vector<double> parts(2 * count);
  for_each_block(rows, [&](std::size_t first, std::size_t size) {
    f(first, size, part.data());
    for (std::size_t i = 0; i < count; ++i) {
      const double t = std::ldexp(part[i], -exponent[i] - height_bits);
      const double h = rounding.high_part(t);
      parts[i] += h;
      parts[count + i] += rounding.low_part(t, h);
    }
  });
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, parts.data(), static_cast<int>(2 * count), MPI_DOUBLE,
                             MPI_SUM, rows.comm()));
  bool finite = true;
  for (std::size_t i = 0; i < count; ++i) {
    sums[i] = std::ldexp(parts[i] + parts[count + i], exponent[i] + height_bits);
    finite = finite && std::isfinite(sums[i]);
  }
  PetscCheck(finite, rows.comm(), PETSC_ERR_FP, "An inner product of multivectors overflows");
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Eight running sums: a fixed order that vector units like.
double block_dot(const double *x, const double *y, std::size_t n) {
  constexpr std::size_t lanes = 8;
  double sum[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t l = 0; l < lanes; ++l)
      sum[l] += x[i + l] * y[i + l];
  for (; i < n; ++i)
    sum[0] += x[i] * y[i];
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

} // namespace

PetscErrorCode InnerProduct(TallView X, TallView Y, double *c, Entries of_x) {
  PetscFunctionBegin;
  if (X.cols == 0 || Y.cols == 0)
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<int> columns;
  PetscCall(ColumnExponents(X, of_x, Y, &columns));
  const std::vector<int> exponent = product_exponents(columns, X.cols);
  const std::size_t ld = X.rows.local();
  const auto product = [&](std::size_t first, std::size_t size, double *part) {
    if (Y.cols == 1)
      dense::gemv('T', size, X.cols, 1.0, X.data + first, ld, Y.data + first, 0.0, part);
    else
      dense::gemm('T', 'N', X.cols, Y.cols, size, 1.0, X.data + first, ld, Y.data + first, ld, 0.0,
                  part, X.cols);
  };
  PetscCall(SumBlocks(X.rows, exponent, product, c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GramMatrix(TallView X, double *g, Entries of_x) {
  PetscFunctionBegin;
  if (X.cols == 0)
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<int> columns;
  PetscCall(ColumnExponents(X, of_x, X, &columns));
  const std::vector<int> exponent = product_exponents(columns, X.cols);
  const std::size_t ld = X.rows.local();
  const auto upper = [&](std::size_t first, std::size_t size, double *part) {
    dense::herk('U', 'C', X.cols, size, 1.0, X.data + first, ld, 0.0, part, X.cols);
  };
  PetscCall(SumBlocks(X.rows, exponent, upper, g)); // zeros below the diagonal
  for (std::size_t j = 0; j < X.cols; ++j)
    for (std::size_t i = 0; i < j; ++i)
      g[j + i * X.cols] = g[i + j * X.cols];
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode InnerProducts(const std::vector<TallView> &X, TallView Y, double *c) {
  PetscFunctionBegin;
  std::vector<int> columns;
  PetscCall(ColumnExponents(Y.columns(0, 0), Entries::any, Y, &columns));
  std::vector<int> exponent;
  for (std::size_t j = 0; j < Y.cols; ++j)
    exponent.insert(exponent.end(), X[j].cols, columns[j] + 1);
  const std::size_t ld = Y.rows.local();
  const auto products = [&](std::size_t first, std::size_t size, double *part) {
    for (std::size_t j = 0; j < Y.cols; part += X[j++].cols)
      dense::gemv('T', size, X[j].cols, 1.0, X[j].data + first, ld, Y.column(j) + first, 0.0, part);
  };
  PetscCall(SumBlocks(Y.rows, exponent, products, c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ColumnDots(TallView X, TallView Y, double *dots) {
  PetscFunctionBegin;
  std::vector<int> columns;
  PetscCall(ColumnExponents(X, Entries::any, Y, &columns));
  std::vector<int> exponent(X.cols);
  for (std::size_t j = 0; j < X.cols; ++j)
    exponent[j] = columns[j] + columns[X.cols + j];
  const auto products = [&](std::size_t first, std::size_t size, double *part) {
    for (std::size_t j = 0; j < X.cols; ++j)
      part[j] = block_dot(X.column(j) + first, Y.column(j) + first, size);
  };
  PetscCall(SumBlocks(X.rows, exponent, products, dots));
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

void multiply_add(TallView X, const double *c, double alpha, double beta, TallView Y) {
  const std::size_t ld = X.rows.local();
  if (Y.cols == 0 || (X.cols == 0 && beta == 1))
    return;
  for_each_block(X.rows, [&](std::size_t first, std::size_t size) {
    if (Y.cols == 1)
      dense::gemv('N', size, X.cols, alpha, X.data + first, ld, c, beta, Y.data + first);
    else
      dense::gemm('N', 'N', size, Y.cols, X.cols, alpha, X.data + first, ld, c, X.cols, beta,
                  Y.data + first, ld);
  });
}

} // namespace

void multiply(TallView X, const double *c, double beta, TallView Y) {
  multiply_add(X, c, 1, beta, Y);
}

void subtract(TallView X, const double *c, TallView Y) {
  multiply_add(X, c, -1, 1, Y);
}

void solve_right(TallView X, const double *r) {
  const std::size_t ld = X.rows.local();
  for_each_block(X.rows, [&](std::size_t first, std::size_t size) {
    dense::trsm('R', 'U', 'N', size, X.cols, r, X.cols, X.data + first, ld);
  });
}

namespace {

/// X ← X − Q·QᵀX.
PetscErrorCode Project(TallView Q, TallView X) {
  PetscFunctionBegin;
  if (Q.cols == 0 || X.cols == 0)
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<double> c(Q.cols * X.cols);
  PetscCall(InnerProduct(Q, X, c.data(), Entries::at_most_one));
  subtract(Q, c.data(), X);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Swap rows and columns a and b of a symmetric matrix stored in full.
void swap_symmetric(std::vector<double> &g, std::size_t n, std::size_t a, std::size_t b) {
  for (std::size_t i = 0; i < n; ++i)
    std::swap(g[i + a * n], g[i + b * n]);
  for (std::size_t j = 0; j < n; ++j)
    std::swap(g[a + j * n], g[b + j * n]);
}

/// Diagonally pivoted Cholesky factorisation of the Gram matrix g of unit columns, which are what
/// is left, a share of each, of longer ones. Ends when every pivot is below 10⁻⁶ or what it leaves
/// of the longer column below `smallest_share`. `order` then begins with the columns accepted,
/// whose number is returned; they have a condition number of at most some 10³.
std::size_t independent_columns(std::vector<double> &g, const std::vector<double> &share,
                                double smallest_share, std::vector<std::size_t> &order) {
  constexpr double smallest_pivot = 1e-6;
  const std::size_t n = order.size();
  const auto pivot = [&](std::size_t i) {
    const double d = g[i + i * n];
    return d > smallest_pivot && share[order[i]] * std::sqrt(d) > smallest_share ? d : 0;
  };
  std::size_t k = 0;
  for (; k < n; ++k) {
    std::size_t p = k;
    for (std::size_t i = k + 1; i < n; ++i)
      if (pivot(i) > pivot(p))
        p = i;
    if (pivot(p) == 0)
      break;
    std::swap(order[k], order[p]);
    swap_symmetric(g, n, k, p);
    for (std::size_t j = k + 1; j < n; ++j) {
      const double factor = g[k + j * n] / g[k + k * n];
      for (std::size_t i = k + 1; i < n; ++i)
        g[i + j * n] -= g[i + k * n] * factor;
    }
  }
  return k;
}

/// Make the columns of X, of condition up to 10⁴, orthonormal. Not for dependent columns. g: XᵀX.
PetscErrorCode CholeskyQr(TallView X, std::vector<double> &g) {
  PetscFunctionBegin;
  PetscCheck(dense::potrf('U', X.cols, g.data(), X.cols) == 0, X.rows.comm(), PETSC_ERR_PLIB,
             "Gram matrix of columns that were found independent is singular");
  solve_right(X, g.data());
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// What Gram-Schmidt still has to do: columns orthogonal to the basis so far.
struct Remainder {
  MultiVector vectors;
  std::vector<std::size_t> origin; // column of the input that each comes from
  std::vector<double> share;       // its length over the length that it began with

  /// Scale columns to unit length; drop those that are rounding errors of what they began with.
  PetscErrorCode Normalize(double smallest_share);
  /// Column `from` of another one becomes the next column of *this.
  void take(Remainder &other, std::size_t from, std::size_t to) {
    const TallView W = other.vectors.view();
    std::copy_n(W.column(from), W.rows.local(), vectors.view().column(to));
    origin.push_back(other.origin[from]);
    share.push_back(other.share[from]);
  }
};

PetscErrorCode Remainder::Normalize(double smallest_share) {
  PetscFunctionBegin;
  const TallView W = vectors.view();
  std::vector<double> squares(W.cols);
  PetscCall(ColumnDots(W, W, squares.data()));
  std::size_t kept = 0;
  for (std::size_t j = 0; j < W.cols; ++j) {
    const double norm = std::sqrt(squares[j]);
    const double now = share[j] * norm;
    if (norm == 0 || now <= smallest_share)
      continue;
    for (std::size_t i = 0; i < W.rows.local(); ++i)
      W.column(kept)[i] = W.column(j)[i] / norm;
    origin[kept] = origin[j];
    share[kept++] = now;
  }
  vectors.resize(kept);
  origin.resize(kept);
  share.resize(kept);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

double triangle_condition(const double *r, std::size_t n) {
  std::vector<double> size(n * n), inverse(n * n), product(n * n);
  for (std::size_t j = 0; j < n; ++j) {
    inverse[j + j * n] = 1;
    for (std::size_t i = 0; i <= j; ++i)
      size[i + j * n] = std::abs(r[i + j * n]);
  }
  dense::trsm('L', 'U', 'N', n, n, r, n, inverse.data(), n);
  for (double &x : inverse)
    x = std::abs(x);
  dense::gemm('N', 'N', n, n, n, 1.0, size.data(), n, inverse.data(), n, 0.0, product.data(), n);
  double sum = 0;
  for (const double x : product)
    sum += x * x;
  const double condition = std::sqrt(sum / static_cast<double>(std::max<std::size_t>(n, 1)));
  return std::isfinite(condition) ? condition : std::numeric_limits<double>::infinity();
}

PetscErrorCode Orthonormalize(TallView Y, std::vector<std::size_t> *columns, double *row_error) {
  PetscFunctionBegin;
  if (row_error)
    *row_error = 1;
  const double smallest_share =
      static_cast<double>(Y.cols) * std::numeric_limits<double>::epsilon();
  columns->clear();
  Remainder rest{MultiVector(Y.rows, Y.cols), std::vector<std::size_t>(Y.cols),
                 std::vector<double>(Y.cols, 1.0)};
  std::iota(rest.origin.begin(), rest.origin.end(), std::size_t{0});
  ColumnScale scale; // squares of entries are to be numbers
  PetscCall(scale.Create(Y));
  scale.load(Y, rest.vectors.view());
  PetscCall(rest.Normalize(0));
  rest.share.assign(rest.share.size(), 1.0); // only the direction of a column counts
  while (!rest.origin.empty()) {
    const std::size_t count = rest.origin.size();
    const TallView W = rest.vectors.view();
    std::vector<double> gram(count * count);
    PetscCall(GramMatrix(W, gram.data(), Entries::at_most_one));
    std::vector<double> g = gram;
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    const std::size_t accepted = independent_columns(g, rest.share, smallest_share, order);
    const TallView Q = Y.columns(0, columns->size());
    const TallView block = Y.columns(columns->size(), accepted);
    for (std::size_t j = 0; j < accepted; ++j) {
      std::copy_n(W.column(order[j]), W.rows.local(), block.column(j));
      columns->push_back(rest.origin[order[j]]);
    }
    g.resize(accepted * accepted);
    for (std::size_t j = 0; j < accepted; ++j)
      for (std::size_t i = 0; i < accepted; ++i)
        g[i + j * accepted] = gram[order[i] + order[j] * count];
    PetscCall(CholeskyQr(block, g));
    if (row_error)
      *row_error = Q.cols == 0 ? triangle_condition(g.data(), accepted)
                               : std::numeric_limits<double>::infinity();
    PetscCall(Project(Q, block)); // the factor amplified what was left along Q
    PetscCall(GramMatrix(block, g.data(), Entries::at_most_one));
    PetscCall(CholeskyQr(block, g));

    Remainder next{MultiVector(Y.rows, count - accepted), {}, {}};
    std::sort(order.begin() + static_cast<std::ptrdiff_t>(accepted), order.end());
    for (std::size_t j = accepted; j < count; ++j)
      next.take(rest, order[j], j - accepted);
    rest = std::move(next);
    for (int twice = 0; twice < 2; ++twice)
      PetscCall(Project(Y.columns(0, columns->size()), rest.vectors.view()));
    if (!rest.origin.empty())
      PetscCall(rest.Normalize(smallest_share));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

namespace {

// Streams of this file: no other part of the library draws from them, so test vectors never repeat
// the entries of a generated matrix.
constexpr std::uint64_t stream_tag = std::uint64_t{0x7465737476656300};

void fill_signs(std::uint64_t seed, std::uint64_t stream, Range range, double *x) {
  for (std::int64_t i = range.begin; i < range.end;) {
    const auto words = random::words(seed, stream, static_cast<std::uint64_t>(i / 128));
    for (auto bit = static_cast<std::size_t>(i % 128); bit < 128 && i < range.end; ++bit, ++i)
      *x++ = ((words[bit / 32] >> (bit % 32)) & 1) != 0 ? -1.0 : 1.0;
  }
}

void fill_normals(std::uint64_t seed, std::uint64_t stream, Range range, double *x) {
  for (std::int64_t i = range.begin; i < range.end;) {
    const auto pair = random::normal_pair(seed, stream, static_cast<std::uint64_t>(i / 2));
    for (auto half = static_cast<std::size_t>(i % 2); half < 2 && i < range.end; ++half, ++i)
      *x++ = pair[half];
  }
}

} // namespace

PetscErrorCode FillTestVectors(TestVectors kind, std::uint64_t seed, std::uint64_t first_column,
                               TallView X) {
  PetscFunctionBegin;
  for (std::size_t j = 0; j < X.cols; ++j) {
    const std::uint64_t stream = stream_tag + first_column + j;
    if (kind == TestVectors::rademacher)
      fill_signs(seed, stream, X.rows.range(), X.column(j));
    else
      fill_normals(seed, stream, X.rows.range(), X.column(j));
  }
  if (kind != TestVectors::sphere || X.cols == 0)
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<double> squares(X.cols);
  PetscCall(ColumnDots(X, X, squares.data()));
  for (std::size_t j = 0; j < X.cols; ++j) {
    const double scale = std::sqrt(static_cast<double>(X.rows.rows()) / squares[j]);
    for (std::size_t i = 0; i < X.rows.local(); ++i)
      X.column(j)[i] *= scale;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
