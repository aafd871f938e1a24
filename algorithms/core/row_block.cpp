// SPDX-License-Identifier: BSD-2-Clause
#include "core/row_block.h"
#include "core/error.h"
#include <algorithm>
#include <limits>

namespace lathe {
namespace {

/// Counts for MPI_Alltoallv, one a rank, and their running sums.
struct Counts {
  explicit Counts(int size)
      : count(static_cast<std::size_t>(size)), start(static_cast<std::size_t>(size) + 1) {}
  void accumulate() {
    for (std::size_t r = 0; r < count.size(); ++r)
      start[r + 1] = start[r] + count[r];
  }
  [[nodiscard]] std::size_t total() const { return static_cast<std::size_t>(start.back()); }
  std::vector<int> count, start;
};

} // namespace

PetscErrorCode RowBlock::Fetch(MPI_Comm comm, const RowMatrix &A,
                               const std::vector<PetscInt> &wanted) {
  int size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_size(comm, &size));
  if (size == 1 && wanted.size() == A.rows()) {
    view_ = A.view();
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  std::vector<PetscInt> first(static_cast<std::size_t>(size));
  const PetscInt mine = A.first_row();
  PetscCallMPI(MPI_Allgather(&mine, 1, MPIU_INT, first.data(), 1, MPIU_INT, comm));
  // Ask the owners. A rank without rows shares its first row with the next one, hence upper_bound.
  Counts asked(size), serving(size);
  for (const PetscInt row : wanted)
    ++asked.count[static_cast<std::size_t>(std::upper_bound(first.begin(), first.end(), row) -
                                           first.begin() - 1)];
  PetscCallMPI(
      MPI_Alltoall(asked.count.data(), 1, MPI_INT, serving.count.data(), 1, MPI_INT, comm));
  asked.accumulate();
  serving.accumulate();
  std::vector<PetscInt> requests(serving.total());
  PetscCallMPI(MPI_Alltoallv(wanted.data(), asked.count.data(), asked.start.data(), MPIU_INT,
                             requests.data(), serving.count.data(), serving.start.data(), MPIU_INT,
                             comm));
  // Lengths of the rows, then the rows.
  std::vector<PetscInt> lengths(requests.size()), received(wanted.size());
  Counts out(size), in(size);
  double largest = 0;
  for (std::size_t r = 0, k = 0; r < out.count.size(); ++r) {
    double sum = 0;
    for (; k < static_cast<std::size_t>(serving.start[r + 1]); ++k) {
      const auto i = static_cast<std::size_t>(requests[k] - mine);
      lengths[k] = static_cast<PetscInt>(A.row_begin(i + 1) - A.row_begin(i));
      sum += static_cast<double>(lengths[k]);
    }
    largest += sum;
    out.count[r] = static_cast<int>(std::min(sum, 2147483647.0));
  }
  PetscCallMPI(MPI_Alltoallv(lengths.data(), serving.count.data(), serving.start.data(), MPIU_INT,
                             received.data(), asked.count.data(), asked.start.data(), MPIU_INT,
                             comm));
  double incoming = 0;
  for (const PetscInt length : received)
    incoming += static_cast<double>(length);
  largest = std::max(largest, incoming);
  LatheCheckAll(comm, largest <= static_cast<double>(std::numeric_limits<int>::max()),
                PETSC_ERR_SUP, "%g entries of a sparse matrix to move at once; MPI counts 2^31 - 1",
                largest);
  out.accumulate();
  offset_.assign(1, 0);
  for (std::size_t r = 0, k = 0; r < in.count.size(); ++r)
    for (; k < static_cast<std::size_t>(asked.start[r + 1]); ++k) {
      in.count[r] += static_cast<int>(received[k]);
      offset_.push_back(offset_.back() + static_cast<std::size_t>(received[k]));
    }
  in.accumulate();
  std::vector<PetscInt> columns;
  std::vector<PetscScalar> values;
  columns.reserve(out.total());
  values.reserve(out.total());
  for (const PetscInt row : requests) {
    const auto i = static_cast<std::size_t>(row - mine);
    for (std::size_t k = A.row_begin(i); k < A.row_begin(i + 1); ++k) {
      columns.push_back(A.global_column(k));
      values.push_back(A.value(k));
    }
  }
  column_.resize(in.total());
  value_.resize(in.total());
  PetscCallMPI(MPI_Alltoallv(columns.data(), out.count.data(), out.start.data(), MPIU_INT,
                             column_.data(), in.count.data(), in.start.data(), MPIU_INT, comm));
  PetscCallMPI(MPI_Alltoallv(values.data(), out.count.data(), out.start.data(), MPIU_SCALAR,
                             value_.data(), in.count.data(), in.start.data(), MPIU_SCALAR, comm));
  view_ = {offset_.data(), column_.data(), value_.data()};
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe
