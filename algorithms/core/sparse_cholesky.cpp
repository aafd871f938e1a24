// SPDX-License-Identifier: BSD-2-Clause
#include "core/sparse_cholesky.h"
#include "core/interruption.h"
#include "core/nested_dissection.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace lathe {
namespace {

using Index = std::int32_t;

std::size_t at(Index i) {
  return static_cast<std::size_t>(i);
}

template <class T> T conjugate(T x) {
  if constexpr (dense::is_complex<T>)
    return std::conj(x);
  else
    return x;
}

// Entries of the lower trapezoid of `columns` columns, the first of this height.
double trapezoid(double columns, double height) {
  return columns * height - columns * (columns - 1) / 2;
}

// Stored zeros that a merger of two supernodes may bring: dense kernels on wide blocks gain more
// (thresholds of CHOLMOD: Chen, Davis, Hager, Rajamanickam, ACM TOMS 35 (2008)).
bool worth_merging(double columns, double zeros, double total) {
  const double share = zeros / total;
  return columns <= 4 || zeros == 0 || (columns <= 16 && share < 0.8) ||
         (columns <= 48 && share < 0.1) || share < 0.05;
}

} // namespace

// Elimination tree in the given order, then its postorder becomes the order.
template <class T> void SparseCholesky<T>::eliminate_tree(const SparseRows<T> &h) {
  const std::size_t n = h.order();
  position_.resize(n);
  for (std::size_t k = 0; k < n; ++k)
    position_[at(order_[k])] = static_cast<Index>(k);
  std::vector<Index> parent(n, -1), ancestor(n, -1);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t old = at(order_[i]);
    for (std::size_t k = h.offset[old]; k < h.offset[old + 1]; ++k) {
      Index j = position_[at(h.column[k])];
      while (j >= 0 && j < static_cast<Index>(i)) {
        const Index next = ancestor[at(j)];
        ancestor[at(j)] = static_cast<Index>(i);
        if (next < 0)
          parent[at(j)] = static_cast<Index>(i);
        j = next;
      }
    }
  }
  // Children lists, then depth first without recursion.
  std::vector<Index> child(n, -1), sibling(n, -1), post, stack;
  for (std::size_t j = n; j-- > 0;)
    if (parent[j] >= 0) {
      sibling[j] = child[at(parent[j])];
      child[at(parent[j])] = static_cast<Index>(j);
    }
  post.reserve(n);
  for (std::size_t root = 0; root < n; ++root) {
    if (parent[root] >= 0)
      continue;
    stack.push_back(static_cast<Index>(root));
    while (!stack.empty()) {
      const Index j = stack.back();
      if (child[at(j)] >= 0) {
        stack.push_back(child[at(j)]);
        child[at(j)] = sibling[at(child[at(j)])];
      } else {
        post.push_back(j);
        stack.pop_back();
      }
    }
  }
  std::vector<Index> renumbered(n), order(n);
  for (std::size_t k = 0; k < n; ++k) {
    renumbered[at(post[k])] = static_cast<Index>(k);
    order[k] = order_[at(post[k])];
  }
  parent_.assign(n, -1);
  for (std::size_t j = 0; j < n; ++j)
    if (parent[j] >= 0)
      parent_[at(renumbered[j])] = renumbered[at(parent[j])];
  order_ = std::move(order);
  for (std::size_t k = 0; k < n; ++k)
    position_[at(order_[k])] = static_cast<Index>(k);
}

// Entries of each row and column of L, by walking the row subtrees.
template <class T> bool SparseCholesky<T>::count(const SparseRows<T> &h, double budget) {
  const std::size_t n = h.order();
  column_count_.assign(n, 1);
  std::vector<Index> mark(n, -1);
  entries_ = static_cast<double>(n);
  longest_row_ = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t old = at(order_[i]);
    const auto row = static_cast<Index>(i);
    std::int64_t length = 0;
    mark[i] = row;
    for (std::size_t k = h.offset[old]; k < h.offset[old + 1]; ++k)
      for (Index j = position_[at(h.column[k])]; j < row && mark[at(j)] != row;
           j = parent_[at(j)]) {
        mark[at(j)] = row;
        ++column_count_[at(j)];
        ++length;
      }
    entries_ += static_cast<double>(length);
    longest_row_ = std::max(longest_row_, static_cast<double>(length));
    if (entries_ > budget)
      return false;
  }
  multiplications_ = 0;
  for (const Index c : column_count_)
    multiplications_ += 0.5 * static_cast<double>(c) * static_cast<double>(c);
  return true;
}

// Columns with the same structure below them, then mergers of a parent with its last child.
template <class T> void SparseCholesky<T>::form_supernodes() {
  const std::size_t n = parent_.size();
  struct Block {
    Index first, last;
    double height, zeros;
    bool merged;
  };
  std::vector<Block> block;
  std::vector<Index> of(n);
  std::vector<Index> children(n, 0);
  for (std::size_t j = 0; j < n; ++j)
    if (parent_[j] >= 0)
      ++children[at(parent_[j])];
  for (std::size_t j = 0; j < n; ++j) {
    const bool joins = j > 0 && parent_[j - 1] == static_cast<Index>(j) && children[j] == 1 &&
                       column_count_[j - 1] == column_count_[j] + 1;
    if (joins)
      block.back().last = static_cast<Index>(j);
    else
      block.push_back({static_cast<Index>(j), static_cast<Index>(j),
                       static_cast<double>(column_count_[j]), 0, false});
    of[j] = static_cast<Index>(block.size() - 1);
  }
  for (std::size_t s = 0; s < block.size(); ++s) {
    Block &child = block[s];
    const Index up = parent_[at(child.last)];
    if (up < 0)
      continue;
    // The parent has not been merged itself: it comes later in the order.
    Block &parent = block[at(of[at(up)])];
    if (parent.first != child.last + 1)
      continue;
    const double columns = parent.last - child.first + 1;
    const double height = (child.last - child.first + 1) + parent.height;
    const double total = trapezoid(columns, height);
    const double zeros = child.zeros + parent.zeros + total -
                         trapezoid(child.last - child.first + 1, child.height) -
                         trapezoid(parent.last - parent.first + 1, parent.height);
    if (!worth_merging(columns, zeros, total))
      continue;
    parent.first = child.first;
    parent.height = height;
    parent.zeros = zeros;
    child.merged = true;
  }
  supernodes_.clear();
  for (const Block &b : block)
    if (!b.merged)
      supernodes_.push_back({b.first, b.last - b.first + 1, 0,
                             static_cast<Index>(b.height) - (b.last - b.first + 1), -1, 0});
}

// Rows below each supernode: those of its columns in h and of its children.
template <class T> void SparseCholesky<T>::find_rows(const SparseRows<T> &h) {
  const std::size_t n = h.order();
  std::vector<Index> of(n), mark(n, -1), first_child(supernodes_.size(), -1),
      sibling(supernodes_.size(), -1);
  for (std::size_t s = 0; s < supernodes_.size(); ++s)
    for (Index j = 0; j < supernodes_[s].columns; ++j)
      of[at(supernodes_[s].first + j)] = static_cast<Index>(s);
  row_.clear();
  std::size_t values = 0;
  for (std::size_t s = 0; s < supernodes_.size(); ++s) {
    Supernode &node = supernodes_[s];
    const Index last = node.first + node.columns - 1, id = static_cast<Index>(s);
    node.rows = row_.size();
    const auto add = [&](Index i) {
      if (i > last && mark[at(i)] != id) {
        mark[at(i)] = id;
        row_.push_back(i);
      }
    };
    for (Index j = node.first; j <= last; ++j) {
      const std::size_t old = at(order_[at(j)]);
      for (std::size_t k = h.offset[old]; k < h.offset[old + 1]; ++k)
        add(position_[at(h.column[k])]);
    }
    for (Index c = first_child[s]; c >= 0; c = sibling[at(c)]) {
      const Supernode child = supernodes_[at(c)];
      for (std::size_t k = 0; k < at(child.below); ++k)
        add(row_[child.rows + k]);
    }
    std::sort(row_.begin() + static_cast<std::ptrdiff_t>(node.rows), row_.end());
    node.below = static_cast<Index>(row_.size() - node.rows);
    node.values = values;
    values += height(node) * at(node.columns);
    if (node.below > 0) {
      node.parent = of[at(row_[node.rows])];
      sibling[s] = first_child[at(node.parent)];
      first_child[at(node.parent)] = id;
    }
  }
  value_.assign(values, T(0));
}

template <class T> bool SparseCholesky<T>::analyse(const SparseRows<T> &h, double budget) {
  if (!nested_dissection(h.order(), h.offset.data(), h.column.data(), budget, order_))
    return false;
  eliminate_tree(h);
  if (!count(h, budget))
    return false;
  form_supernodes();
  find_rows(h);
  place_.assign(h.order(), 0);
  work_.resize(h.order());
  return true;
}

// The entries of shift·I + sign·h in the columns of s; place_ holds the rows' positions.
template <class T>
void SparseCholesky<T>::assemble(const SparseRows<T> &h, const Supernode &s, double shift,
                                 double sign, T *block) {
  const std::size_t ld = height(s);
  std::fill(block, block + ld * at(s.columns), T(0));
  for (Index j = 0; j < s.columns; ++j) {
    const Index column = s.first + j;
    const std::size_t old = at(order_[at(column)]);
    T *target = block + at(j) * ld;
    target[j] = shift;
    for (std::size_t k = h.offset[old]; k < h.offset[old + 1]; ++k) {
      const Index i = position_[at(h.column[k])];
      if (i == column) // once: its imaginary part is zero
        target[j] = shift + sign * std::real(h.value[k]);
      else if (i > column)
        target[place_[at(i)]] = sign * conjugate(h.value[k]);
    }
    largest_diagonal_ = std::max(largest_diagonal_, std::real(target[j]));
  }
}

template <class T>
bool SparseCholesky<T>::factor(const SparseRows<T> &h, double shift, double sign) {
  std::vector<std::vector<T>> update(supernodes_.size());
  std::vector<Index> first_child(supernodes_.size(), -1), sibling(supernodes_.size(), -1);
  largest_diagonal_ = 0;
  for (std::size_t id = 0; id < supernodes_.size(); ++id) {
    if (stop_asked())
      return false;
    const Supernode &s = supernodes_[id];
    const std::size_t nc = at(s.columns), nr = at(s.below), ld = nc + nr;
    for (std::size_t j = 0; j < nc; ++j)
      place_[at(s.first) + j] = static_cast<Index>(j);
    for (std::size_t k = 0; k < nr; ++k)
      place_[at(row_[s.rows + k])] = static_cast<Index>(nc + k);
    T *block = value_.data() + s.values;
    assemble(h, s, shift, sign, block);
    std::vector<T> &own = update[id];
    own.assign(nr * nr, T(0));
    for (Index c = first_child[id]; c >= 0; c = sibling[at(c)]) {
      const Supernode &child = supernodes_[at(c)];
      const std::size_t size = at(child.below);
      const Index *rows = row_.data() + child.rows;
      for (std::size_t j = 0; j < size; ++j) {
        const std::size_t to = at(place_[at(rows[j])]);
        T *target = to < nc ? block + to * ld : own.data() + (to - nc) * nr - nc;
        const T *from = update[at(c)].data() + j * size;
        for (std::size_t i = j; i < size; ++i)
          target[place_[at(rows[i])]] += from[i];
      }
      std::vector<T>().swap(update[at(c)]);
    }
    if (dense::potrf('L', nc, block, ld) != 0)
      return false;
    for (std::size_t j = 0; j < nc; ++j) { // a NaN passes OpenBLAS's test for positive pivots
      const double d = std::real(block[j + j * ld]);
      if (!(d > 0 && std::isfinite(d)))
        return false;
    }
    if (nr == 0)
      continue;
    dense::trsm<T>('R', 'L', 'C', nr, nc, block, ld, block + nc, ld);
    dense::herk<T>('L', 'N', nr, nc, -1, block + nc, ld, 1, own.data(), nr);
    sibling[id] = first_child[at(s.parent)];
    first_child[at(s.parent)] = static_cast<Index>(id);
  }
  return true;
}

template <class T> void SparseCholesky<T>::solve(T *x) {
  const std::size_t n = order_.size();
  std::vector<T> y(n);
  for (std::size_t k = 0; k < n; ++k)
    y[k] = x[at(order_[k])];
  for (const Supernode &s : supernodes_) {
    const std::size_t nc = at(s.columns), nr = at(s.below), ld = nc + nr;
    const T *block = value_.data() + s.values;
    dense::trsm<T>('L', 'L', 'N', nc, 1, block, ld, y.data() + s.first, nc);
    if (nr == 0)
      continue;
    dense::gemv<T>('N', nr, nc, T(1), block + nc, ld, y.data() + s.first, T(0), work_.data());
    for (std::size_t k = 0; k < nr; ++k)
      y[at(row_[s.rows + k])] -= work_[k];
  }
  for (std::size_t id = supernodes_.size(); id-- > 0;) {
    const Supernode &s = supernodes_[id];
    const std::size_t nc = at(s.columns), nr = at(s.below), ld = nc + nr;
    const T *block = value_.data() + s.values;
    for (std::size_t k = 0; k < nr; ++k)
      work_[k] = y[at(row_[s.rows + k])];
    if (nr > 0)
      dense::gemv<T>('C', nr, nc, T(-1), block + nc, ld, work_.data(), T(1), y.data() + s.first);
    dense::trsm<T>('L', 'L', 'C', nc, 1, block, ld, y.data() + s.first, nc);
  }
  for (std::size_t k = 0; k < n; ++k)
    x[at(order_[k])] = y[k];
}

template <class T> double SparseCholesky<T>::rounding() const {
  constexpr double u = std::numeric_limits<double>::epsilon() / 2;
  constexpr int sweeps = 3;
  constexpr double least = 1e-8; // of the largest component; keeps ratios of u from overflowing
  const std::size_t n = order_.size();
  std::vector<double> v(n, 1.0), w(n), z(n);
  double norm = std::numeric_limits<double>::infinity();
  double longest = longest_row_ + 1;
  for (const Supernode &s : supernodes_)
    longest = std::max(longest, static_cast<double>(height(s)));
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    std::fill(z.begin(), z.end(), 0.0);
    for (const Supernode &s : supernodes_) {
      const std::size_t nc = at(s.columns), nr = at(s.below), ld = nc + nr;
      for (std::size_t j = 0; j < nc; ++j) {
        const T *column = value_.data() + s.values + j * ld;
        const Index *rows = row_.data() + s.rows;
        double sum = 0;
        for (std::size_t i = j; i < nc; ++i)
          sum += std::abs(column[i]) * v[at(s.first) + i];
        for (std::size_t k = 0; k < nr; ++k)
          sum += std::abs(column[nc + k]) * v[at(rows[k])];
        for (std::size_t i = j; i < nc; ++i)
          z[at(s.first) + i] += std::abs(column[i]) * sum;
        for (std::size_t k = 0; k < nr; ++k)
          z[at(rows[k])] += std::abs(column[nc + k]) * sum;
      }
    }
    double ratio = 0, largest = 0;
    for (std::size_t i = 0; i < n; ++i) {
      ratio = std::max(ratio, z[i] / v[i]);
      largest = std::max(largest, z[i]);
    }
    norm = std::min(norm, ratio);
    for (std::size_t i = 0; i < n; ++i)
      v[i] = std::max(z[i] / largest, least);
  }
  // Every term of these sums is nonnegative: a relative error of a row and a column of L.
  const double k = (dense::is_complex<T> ? 2 : 1) * roundings();
  const double gamma = (dense::is_complex<T> ? 1.5 : 1.0) * k * u / (1 - k * u);
  const double relative = 2 * (longest + longest_row_ + 16) * u;
  if (!(k * u < 0.5 && relative < 0.5))
    return std::numeric_limits<double>::infinity();
  return gamma * norm * (1 + relative + 16 * u) + 0x1p-900;
}

template class SparseCholesky<double>;
template class SparseCholesky<std::complex<double>>;

} // namespace lathe
