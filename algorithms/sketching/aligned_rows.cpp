// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/aligned_rows.h"
#include "core/error.h"
#include <algorithm>

namespace lathe::sketching {

namespace {

constexpr int tag = 27183;

std::int64_t next_multiple(std::int64_t x, std::int64_t block) noexcept {
  return (x + block - 1) / block * block;
}

// Rows begin … end − 1 (counted from the first of `a`), column after column.
void pack(const ColumnRows &a, std::int64_t begin, std::int64_t end, double *to) noexcept {
  for (std::int64_t j = 0; j < a.columns; ++j)
    for (std::int64_t i = begin; i < end; ++i)
      *to++ = a.column[j][i * a.stride];
}

PetscErrorCode CountOf(std::int64_t rows, std::int64_t columns, PetscMPIInt *count) {
  PetscFunctionBegin;
  PetscCheck(rows * columns <= PETSC_MPI_INT_MAX, PETSC_COMM_SELF, PETSC_ERR_SUP,
             "%lld rows of %lld columns do not fit one message; sketch fewer columns at a time",
             static_cast<long long>(rows), static_cast<long long>(columns));
  *count = static_cast<PetscMPIInt>(rows * columns);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode AlignedRows::Create(MPI_Comm comm, const ColumnRows &mine, const PetscInt *ranges,
                                   std::int64_t block) {
  int rank = 0;
  int size = 1;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  const std::int64_t m = ranges[size], begin = ranges[rank], end = ranges[rank + 1];
  const std::int64_t first = std::min(next_multiple(begin, block), m); // first block of this rank
  const std::int64_t given = std::min(first, end) - begin;             // rows to give away
  // The last block of this rank, when it reaches beyond its rows.
  const std::int64_t last = end / block * block;
  const std::int64_t wanted_end =
      last >= begin && last < end ? std::min(next_multiple(end, block), m) : end;
  const std::int64_t n = mine.columns, last_rows = wanted_end > end ? wanted_end - last : 0;
  std::vector<MPI_Request> requests;
  PetscMPIInt count = 0;
  LatheGuard(comm, {
    sent_.resize(static_cast<std::size_t>(given * n));
    received_.resize(static_cast<std::size_t>((wanted_end - end + last_rows) * n));
    requests.reserve(static_cast<std::size_t>(size) + 1);
    pack(mine, 0, given, sent_.data());
  });
  // received_: the last block, column after column, and behind it what arrives.
  double *arrived = received_.data() + last_rows * n;
  for (int from = rank + 1; from < size && ranges[from] < wanted_end; ++from) {
    const std::int64_t rows = std::min<std::int64_t>(ranges[from + 1], wanted_end) - ranges[from];
    if (rows <= 0)
      continue;
    PetscCall(CountOf(rows, n, &count));
    requests.push_back(MPI_REQUEST_NULL);
    PetscCallMPI(MPI_Irecv(arrived + (ranges[from] - end) * n, count, MPI_DOUBLE, from, tag, comm,
                           &requests.back()));
  }
  if (given > 0) {
    int owner = rank;
    while (ranges[owner] > begin / block * block)
      --owner;
    PetscCall(CountOf(given, n, &count));
    requests.push_back(MPI_REQUEST_NULL);
    PetscCallMPI(MPI_Isend(sent_.data(), count, MPI_DOUBLE, owner, tag, comm, &requests.back()));
  }
  PetscCallMPI(
      MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE));
  // Whole blocks where they lie …
  LatheGuard(comm, {
    const std::int64_t whole_end = last_rows > 0 ? last : end;
    if (whole_end > first) {
      for (std::int64_t j = 0; j < n; ++j)
        whole_.push_back(mine.column[j] + (first - begin) * mine.stride);
      regions_.push_back({whole_.data(), n, whole_end - first, first, mine.stride});
    }
    // … and the last one, put together.
    for (std::int64_t j = 0; j < n && last_rows > 0; ++j) {
      double *to = received_.data() + j * last_rows;
      last_.push_back(to);
      for (std::int64_t i = last; i < end; ++i)
        *to++ = mine.column[j][(i - begin) * mine.stride];
      for (int from = rank + 1; from < size && ranges[from] < wanted_end; ++from) {
        const std::int64_t rows =
            std::min<std::int64_t>(ranges[from + 1], wanted_end) - ranges[from];
        const double *source = arrived + (ranges[from] - end) * n + j * rows;
        to = std::copy(source, source + std::max<std::int64_t>(rows, 0), to);
      }
    }
    if (last_rows > 0)
      regions_.push_back({last_.data(), n, last_rows, last, 1});
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
