// SPDX-License-Identifier: BSD-2-Clause
#include "core/error.h"
#include "driver/matrix_market.h"
#include "driver/matrix_market_parse.h"
#include "driver/text_source.h"
#include <algorithm>
#include <array>

namespace lathe::driver {
namespace {

using mtx::Header;
using mtx::Parsed;
using mtx::Problem;

std::string place(const std::string &file, std::int64_t line, std::int64_t column) {
  return Format("%s:%lld:%lld", file.c_str(), static_cast<long long>(line),
                static_cast<long long>(column));
}

// Rank 0: banner, comments, sizes.
std::string read_header(TextSource *source, const std::string &file, Header *header) {
  std::string line, problem;
  if (!source->header_line(&line, &problem))
    return file + ": " + (problem.empty() ? "the file is empty" : problem);
  header->lines = 1;
  problem = mtx::parse_banner(line, header);
  if (!problem.empty())
    return place(file, 1, 1) + ": " + problem;
  for (bool found = false; !found;) {
    if (!source->header_line(&line, &problem))
      return place(file, header->lines, 1) + ": " +
             (problem.empty() ? "the file ends before the size line" : problem);
    ++header->lines;
    const Problem wrong = mtx::parse_sizes(line, header, &found);
    if (wrong)
      return place(file, wrong.line, wrong.column) + ": " + wrong.text;
  }
  return {};
}

PetscErrorCode ShareHeader(MPI_Comm comm, Header *header) {
  PetscFunctionBegin;
  std::array<std::int64_t, 7> h{header->array,
                                static_cast<std::int64_t>(header->field),
                                static_cast<std::int64_t>(header->symmetry),
                                header->rows,
                                header->cols,
                                header->stored,
                                header->lines};
  PetscCallMPI(MPI_Bcast(h.data(), static_cast<int>(h.size()), MPI_INT64_T, 0, comm));
  *header = {
      h[0] != 0, static_cast<mtx::Field>(h[1]), static_cast<mtx::Symmetry>(h[2]), h[3], h[4], h[5],
      h[6]};
  PetscFunctionReturn(PETSC_SUCCESS);
}

// What the header promises must be possible in this build and in a file of this length.
PetscErrorCode CheckPromise(MPI_Comm comm, const std::string &file, const Header &header,
                            const TextSource &source) {
  const std::int64_t shortest = header.array                          ? 2  // "0\n"
                                : header.field == mtx::Field::pattern ? 4  // "1 1\n"
                                                                      : 6; // "1 1 0\n"
  const std::int64_t bytes = source.body_bytes_at_most();
  PetscFunctionBegin;
#if !defined(PETSC_USE_COMPLEX)
  PetscCheck(header.field != mtx::Field::complex, comm, PETSC_ERR_SUP,
             "%s:1: field complex cannot be read by a build of PETSc with real scalars; use a "
             "complex build (preset complex)",
             file.c_str());
#endif
  PetscCall(CheckShape(comm, place(file, header.lines, 1), header.rows, header.cols, bytes));
  PetscCheck(header.stored <= (bytes + 1) / shortest, comm, PETSC_ERR_FILE_UNEXPECTED,
             "%s: promises %lld entries, but at most %lld bytes follow, which can hold %lld",
             place(file, header.lines, 1).c_str(), static_cast<long long>(header.stored),
             static_cast<long long>(bytes), static_cast<long long>((bytes + 1) / shortest));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Progress through the body, the same on every rank.
struct Position {
  std::int64_t stored = 0, lines = 0;
};

// One slab: verdicts and positions of all ranks, then the entries go to their owners.
PetscErrorCode ReadSlab(MPI_Comm comm, const std::string &file, const Header &header,
                        std::string_view text, Position *done, EntryRouter *router,
                        std::vector<Entry> *batch) {
  int rank = 0;
  int size = 1;
  Parsed parsed;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  parsed.entries.swap(*batch); // keeps its memory from slab to slab
  const std::string failed = attempt([&] { mtx::parse_body(text, header, &parsed); });
  LatheCheckAll(comm, failed.empty(), PETSC_ERR_MEM, "%s: %s", file.c_str(), failed.c_str());

  std::array<std::int64_t, 2> mine{parsed.stored, parsed.lines};
  std::vector<std::int64_t> all(2 * static_cast<std::size_t>(size));
  PetscCallMPI(MPI_Allgather(mine.data(), 2, MPI_INT64_T, all.data(), 2, MPI_INT64_T, comm));
  Position before = *done;
  for (std::size_t r = 0; r < static_cast<std::size_t>(size); ++r) {
    if (static_cast<int>(r) < rank) {
      before.stored += all[2 * r];
      before.lines += all[2 * r + 1];
    }
    done->stored += all[2 * r];
    done->lines += all[2 * r + 1];
  }
  Problem problem = parsed.problem;
  const std::int64_t room = header.stored - before.stored; // may be negative: all are surplus
  if (!problem && parsed.stored > std::max<std::int64_t>(room, 0))
    problem = {mtx::line_of_entry(text, std::max<std::int64_t>(room, 0)), 1,
               Format("more entries than the %lld that the size line promises",
                      static_cast<long long>(header.stored))};
  std::string lost;
  if (!problem && header.array) {
    lost = attempt(
        [&] { problem = mtx::place_array(header, before.stored, parsed.values, &parsed.entries); });
    if (problem)
      problem.line = mtx::line_of_entry(text, problem.line - 1);
  }
  LatheCheckAll(comm, lost.empty(), PETSC_ERR_MEM, "%s: %s", file.c_str(), lost.c_str());
  LatheCheckAll(comm, !problem, PETSC_ERR_FILE_UNEXPECTED, "%s: %s",
                place(file, header.lines + before.lines + problem.line, problem.column).c_str(),
                problem.text.c_str());
  PetscCall(router->Route(parsed.entries));
  parsed.entries.swap(*batch);
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode ReadMatrixMarket(MPI_Comm comm, const std::string &file, Mat *A, MatrixInfo *info,
                                std::size_t part_bytes) {
  int rank = 0;
  PetscFunctionBegin;
  PetscCheck(part_bytes > 0, comm, PETSC_ERR_ARG_OUTOFRANGE, "part_bytes must be positive, is 0");
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  TextSource source(comm, file, part_bytes);
  PetscCall(source.Open());
  Header header;
  std::string problem;
  if (rank == 0) {
    const std::string lost = attempt([&] { problem = read_header(&source, file, &header); });
    if (!lost.empty())
      problem = file + ": " + lost;
  }
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  PetscCall(ShareHeader(comm, &header));
  PetscCall(source.Start());
  PetscCall(CheckPromise(comm, file, header, source));

  EntryRouter router(comm, header.rows, header.cols, header.array);
  PetscCall(router.Begin());
  Position done;
  std::vector<Entry> batch;
  std::string_view text;
  for (bool more = true;;) {
    PetscCall(source.Next(&text, &more));
    if (!more)
      break;
    PetscCall(ReadSlab(comm, file, header, text, &done, &router, &batch));
  }
  PetscCheck(done.stored == header.stored, comm, PETSC_ERR_FILE_UNEXPECTED,
             "%s:%lld: the file ends after %lld of the %lld entries that the size line promises",
             file.c_str(), static_cast<long long>(header.lines + done.lines),
             static_cast<long long>(done.stored), static_cast<long long>(header.stored));
  PetscCall(router.Finish(A));
  if (info) {
    info->file = file;
    info->object.clear();
    info->format = header.array ? "Matrix Market array" : "Matrix Market coordinate";
    info->field = mtx::name(header.field);
    info->symmetry = mtx::name(header.symmetry);
    info->compressed = source.compressed();
    info->dense = header.array;
    info->rows = header.rows;
    info->cols = header.cols;
    info->stored = header.stored;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
