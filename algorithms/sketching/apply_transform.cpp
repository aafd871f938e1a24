// SPDX-License-Identifier: BSD-2-Clause
// S·[A b] for S made of fast transforms.
#include "core/error.h"
#include "sketching/aligned_rows.h"
#include "sketching/isa.h"
#include "sketching/sketch_input.h"
#include "sketching/trigonometric.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe::sketching {

namespace {

// Any real column of [A b], the rows of this rank as a dense array.
class LocalColumns {
public:
  /// May throw bad_alloc.
  explicit LocalColumns(const SketchInput &in) : in_(in) {
    for (std::size_t p = 0; p < 2 && in.sparse; ++p)
      if (in.sparse->parts()[p].matrix)
        by_column_[p].sort(in.sparse->parts()[p], 0, in.sparse->rows());
  }
  void fill(std::int64_t j, double *out) const {
    if (j >= in_.matrix_columns())
      return copy(in_.vector, j - in_.matrix_columns(), out);
    if (!in_.sparse)
      return copy(in_.dense, j, out);
    std::fill_n(out, in_.rows(), 0.0);
    for (std::size_t p = 0; p < 2; ++p) {
      const SparsePart &part = in_.sparse->parts()[p];
      const std::int64_t own = part.matrix ? part.own_column(j / scalar_parts) : -1;
      for (std::int64_t k = 0; own >= 0 && k < by_column_[p].count(own); ++k)
        out[by_column_[p].rows(own)[k]] =
            reinterpret_cast<const double *>(by_column_[p].values(own) + k)[j % scalar_parts];
    }
  }

  /// Columns j … j + count − 1, where they lie or, sparse ones, written to `room`.
  ColumnRows view(std::int64_t j, std::int64_t count, std::vector<double> &room) {
    column_.clear();
    if (in_.sparse)
      room.resize(static_cast<std::size_t>(count * in_.rows()));
    for (std::int64_t k = j; k < j + count; ++k) {
      if (!in_.sparse) {
        column_.push_back(k < in_.dense.columns ? in_.dense.column[k]
                                                : in_.vector.column[k - in_.dense.columns]);
        continue;
      }
      double *to = room.data() + (k - j) * in_.rows();
      fill(k, to);
      column_.push_back(to);
    }
    return {column_.data(), count, in_.rows(),
            in_.sparse ? in_.sparse->first() : in_.vector_or_dense().first,
            in_.sparse ? 1 : scalar_parts};
  }

private:
  static void copy(const ColumnRows &a, std::int64_t j, double *out) {
    for (std::int64_t i = 0; i < a.rows; ++i)
      out[i] = a.column[j][i * a.stride];
  }
  const SketchInput &in_;
  ColumnsOfBlock by_column_[2];
  std::vector<const double *> column_;
};

constexpr std::int64_t most_numbers = std::numeric_limits<int>::max();

// Columns that travel at a time: at most 64 MB a rank, when one column is not more.
std::int64_t columns_at_once(std::int64_t rows) {
  constexpr std::int64_t room = std::int64_t{1} << 23;
  return std::max<std::int64_t>(1, room / std::max<std::int64_t>(rows, 1));
}

// Whole columns, dealt to the ranks in turn: rank q gets columns first + q·width …
class ColumnDeal {
public:
  ColumnDeal(const SketchInput &in, int rank, int size, const ColumnDealing &dealing)
      : in_(in), local_(in), rank_(rank), size_(size), dealing_(dealing) {}

  PetscErrorCode Deal(std::int64_t first);
  // Column k of this rank, m numbers.
  void column(std::int64_t k, double *out) const {
    for (int p = 0; p < size_; ++p) {
      const auto rows = static_cast<std::size_t>(in_.ranges[p + 1] - in_.ranges[p]);
      const double *from = received_.data() + receive_at_[static_cast<std::size_t>(p)];
      out = std::copy_n(from + static_cast<std::size_t>(k) * rows, rows, out);
    }
  }
  [[nodiscard]] std::int64_t count(std::int64_t first, int rank) const {
    const std::int64_t width = rank < dealing_.ranks ? dealing_.width : 0;
    return std::clamp<std::int64_t>(in_.columns() - first - rank * width, 0, width);
  }
  /// Columns of a round.
  [[nodiscard]] std::int64_t round() const { return dealing_.width * dealing_.ranks; }

private:
  const SketchInput &in_;
  LocalColumns local_;
  int rank_, size_;
  ColumnDealing dealing_;
  std::vector<double> sent_, received_;
  std::vector<int> send_count_, send_at_, receive_count_, receive_at_;
};

PetscErrorCode ColumnDeal::Deal(std::int64_t first) {
  const std::int64_t mine = count(first, rank_);
  PetscFunctionBegin;
  LatheGuard(in_.comm, {
    const auto ranks = static_cast<std::size_t>(size_);
    for (auto *list : {&send_count_, &send_at_, &receive_count_, &receive_at_})
      list->assign(ranks, 0);
    int sent = 0;
    int received = 0;
    for (int p = 0; p < size_; ++p) {
      const auto k = static_cast<std::size_t>(p);
      send_at_[k] = sent;
      receive_at_[k] = received;
      send_count_[k] = static_cast<int>(in_.rows() * count(first, p));
      receive_count_[k] = static_cast<int>((in_.ranges[p + 1] - in_.ranges[p]) * mine);
      sent += send_count_[k];
      received += receive_count_[k];
    }
    sent_.resize(static_cast<std::size_t>(sent));
    received_.resize(static_cast<std::size_t>(received));
    const std::int64_t columns = std::min(in_.columns() - first, round());
    for (std::int64_t j = 0; j < columns; ++j)
      local_.fill(first + j, sent_.data() + j * in_.rows());
  });
  PetscCallMPI(MPI_Alltoallv(sent_.data(), send_count_.data(), send_at_.data(), MPI_DOUBLE,
                             received_.data(), receive_count_.data(), receive_at_.data(),
                             MPI_DOUBLE, in_.comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// to[k] ← from[k·stride]; what comes next is asked for line by line, as the processor does not
// fetch beyond a page by itself.
void copy_ahead(const double *from, int stride, std::int64_t count, const double *next,
                double *to) {
  constexpr std::int64_t line = 8;
  std::int64_t k = 0;
  for (; k + line <= count; k += line) {
    __builtin_prefetch(next + k * stride, 0, 2);
    if (stride == 1)
      std::copy_n(from + k, line, to + k);
    else
      for (std::int64_t l = k; l < k + line; ++l)
        to[l] = from[l * stride];
  }
  for (; k < count; ++k)
    to[k] = from[k * stride];
}

void add_blocks(const ColumnRows &a, std::int64_t first, Mixing &mixing, std::int64_t rows,
                SketchSums &sums) {
  std::vector<double> out(static_cast<std::size_t>(rows));
  for (std::int64_t i = 0; i < a.rows; i += mixing.length()) {
    const std::int64_t count = std::min(mixing.length(), a.rows - i);
    const std::int64_t block = (a.first + i) / mixing.length(),
                       shift = (a.first + i) % mixing.length();
    for (std::int64_t j = 0; j < a.columns; ++j) {
      double *buffer = mixing.buffer();
      const bool more = j + 1 < a.columns;
      const std::int64_t row = more ? i : std::min(i + count, a.rows - count);
      const double *next = a.column[more ? j + 1 : 0] + row * a.stride;
      std::fill_n(buffer, shift, 0.0);
      copy_ahead(a.column[j] + i * a.stride, a.stride, count, next, buffer + shift);
      std::fill(buffer + shift + count, buffer + mixing.length(), 0.0);
      mixing.apply(block, out.data());
      isa().add_scaled(out.data(), rows, 1, sums.rounding(0, first + j), sums.column(0, first + j),
                       sums.column(0, first + j) + sums.low_parts(0));
    }
  }
}

// Runs of rows that lie in one block of the sketch each, for sums in any order.
void add_unaligned(const ColumnRows &a, std::int64_t first, Mixing &mixing, std::int64_t rows,
                   SketchSums &sums) {
  std::vector<const double *> column(static_cast<std::size_t>(a.columns));
  for (std::int64_t i = 0; i < a.rows;) {
    const std::int64_t count =
        std::min(a.rows - i, mixing.length() - (a.first + i) % mixing.length());
    for (std::size_t j = 0; j < column.size(); ++j)
      column[j] = a.column[j] + i * a.stride;
    add_blocks({column.data(), a.columns, count, a.first + i, a.stride}, first, mixing, rows, sums);
    i += count;
  }
}

} // namespace

ColumnDealing column_dealing(std::int64_t columns, std::int64_t rows, std::int64_t most_rows,
                             int ranks) noexcept {
  const std::int64_t fair = std::max<std::int64_t>((columns + ranks - 1) / ranks, 1);
  const std::int64_t most = std::max<std::int64_t>(most_rows, 1);
  ColumnDealing dealing;
  dealing.width = std::min(fair, columns_at_once(rows)); // width·rows: what a rank gets
  // What a rank sends: its rows of all columns of the round.
  dealing.width = std::clamp<std::int64_t>(most_numbers / most, 1, dealing.width);
  dealing.ranks =
      static_cast<int>(std::clamp<std::int64_t>(most_numbers / most / dealing.width, 1, ranks));
  return dealing;
}

PetscErrorCode ApplyBlocks(const Sketch &sketch, const SketchInput &in,
                           std::vector<PetscScalar> &sa) {
  const std::int64_t m = std::max<std::int64_t>(sketch.columns, 1);
  // The same on every rank.
  const std::int64_t width =
      in.sparse ? columns_at_once(m) : std::max<std::int64_t>(in.columns(), 1);
  PetscFunctionBegin;
  LatheGuard(in.comm, {
    Mixing mixing(sketch);
    SketchSums sums(
        sketch.rows, sketch.reproducible, mixing.divisor(),
        {{SumLayout::Columns, in.columns(), (m - 1) / mixing.length() + 1, mixing.growth()}});
    std::vector<double> largest;
    bool finite = true;
    if (sketch.reproducible)
      largest_entries(in, largest);
    PetscCall(sums.Agree(in.comm, largest, &finite));
    if (!finite)
      PetscCall(RefuseNonfinite(in));
    LocalColumns local(in);
    std::vector<double> dense;
    for (std::int64_t j = 0; j < in.columns(); j += width) {
      const ColumnRows rows = local.view(j, std::min(width, in.columns() - j), dense);
      AlignedRows aligned;
      if (sketch.reproducible)
        PetscCall(aligned.Create(in.comm, rows, in.ranges, mixing.length()));
      else
        add_unaligned(rows, j, mixing, sketch.rows, sums);
      for (const ColumnRows &region : aligned.regions())
        add_blocks(region, j, mixing, sketch.rows, sums);
    }
    PetscCall(sums.Finish(in.comm, sa));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ApplyTransform(const Sketch &sketch, const SketchInput &in,
                              std::vector<PetscScalar> &sa) {
  int rank = 0;
  int size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(in.comm, &rank));
  PetscCallMPI(MPI_Comm_size(in.comm, &size));
  LatheGuard(in.comm, {
    Mixing mixing(sketch);
    // One rank makes each entry and the others add zeros: the sum is exact as it is.
    SketchSums sums(sketch.rows, false, mixing.divisor(),
                    {{SumLayout::Columns, in.columns(), 1, 0}});
    std::vector<double> largest;
    largest_entries(in, largest);
    int finite =
        std::all_of(largest.begin(), largest.end(), [](double x) { return std::isfinite(x); });
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &finite, 1, MPI_INT, MPI_MIN, in.comm));
    if (finite == 0)
      PetscCall(RefuseNonfinite(in));
    std::int64_t most_rows = 0;
    for (int p = 0; p < size; ++p)
      most_rows = std::max<std::int64_t>(most_rows, in.ranges[p + 1] - in.ranges[p]);
    PetscCheck(
        sketch.columns <= most_numbers, in.comm, PETSC_ERR_ARG_OUTOFRANGE,
        "A %s sketch brings whole columns to one rank, and these have %lld rows; at most %lld "
        "(-mat_sketch_type block_srht)",
        name_of(sketch.kind), static_cast<long long>(sketch.columns),
        static_cast<long long>(most_numbers));
    const ColumnDealing dealing = column_dealing(in.columns(), sketch.columns, most_rows, size);
    ColumnDeal deal(in, rank, size, dealing);
    for (std::int64_t first = 0; first < in.columns(); first += deal.round()) {
      PetscCall(deal.Deal(first));
      for (std::int64_t k = 0; k < deal.count(first, rank); ++k) {
        std::fill_n(mixing.buffer(), mixing.length(), 0.0);
        deal.column(k, mixing.buffer());
        mixing.apply(0, sums.column(0, first + rank * dealing.width + k));
      }
    }
    PetscCall(sums.Finish(in.comm, sa));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
