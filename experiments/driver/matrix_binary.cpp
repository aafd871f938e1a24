// SPDX-License-Identifier: BSD-2-Clause
#include "driver/matrix_binary.h"
#include "core/error.h"
#include "core/layout.h"
#include "driver/file_read.h"
#include "driver/matrix_entries.h"
#include "driver/output_file.h"
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace lathe::driver {
namespace {

constexpr std::int64_t mat_classid = 1211216;
constexpr std::int64_t vec_classid = 1211214;

// A file of big-endian integers of `width` bytes and values of `value_bytes`: 4 single, 8 double,
// 16 complex double.
struct Layout {
  const ReadOnlyFile *file = nullptr;
  std::string name;
  int width = 4, value_bytes = 8;
  bool vector = false, dense = false;
  std::int64_t rows = 0, cols = 0, stored = 0;
  std::int64_t lengths_at = 0, columns_at = 0, values_at = 0;

  void bytes(void *out, std::int64_t n, std::int64_t at) const {
    const std::string problem = file->read(out, static_cast<std::size_t>(n), at);
    if (!problem.empty())
      throw InputError(name + ": " + problem);
  }
  [[nodiscard]] std::vector<std::int64_t> integers(std::int64_t at, std::int64_t count) const;
  [[nodiscard]] std::vector<PetscScalar> values(std::int64_t first, std::int64_t count) const;
};

template <class T> T from_big_endian(const unsigned char *p) {
  T x = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    x = static_cast<T>((x << 8) | p[i]);
  return x;
}

std::vector<std::int64_t> Layout::integers(std::int64_t at, std::int64_t count) const {
  std::vector<unsigned char> raw(static_cast<std::size_t>(count * width));
  bytes(raw.data(), count * width, at);
  std::vector<std::int64_t> out(static_cast<std::size_t>(count));
  for (std::size_t k = 0; k < out.size(); ++k)
    out[k] = width == 4 ? static_cast<std::int32_t>(from_big_endian<std::uint32_t>(&raw[4 * k]))
                        : static_cast<std::int64_t>(from_big_endian<std::uint64_t>(&raw[8 * k]));
  return out;
}

std::vector<PetscScalar> Layout::values(std::int64_t first, std::int64_t count) const {
  std::vector<unsigned char> raw(static_cast<std::size_t>(count * value_bytes));
  bytes(raw.data(), count * value_bytes, values_at + first * value_bytes);
  std::vector<PetscScalar> out(static_cast<std::size_t>(count));
  for (std::size_t k = 0; k < out.size(); ++k) {
    const unsigned char *p = &raw[k * static_cast<std::size_t>(value_bytes)];
    const double re = value_bytes == 4 ? std::bit_cast<float>(from_big_endian<std::uint32_t>(p))
                                       : std::bit_cast<double>(from_big_endian<std::uint64_t>(p));
    const double im =
        value_bytes == 16 ? std::bit_cast<double>(from_big_endian<std::uint64_t>(p + 8)) : 0;
    if (!std::isfinite(re) || !std::isfinite(im))
      throw InputError(Format("%s: value %lld (from 0) is %g%+gi; values must be finite",
                              name.c_str(),
                              static_cast<long long>(first) + static_cast<long long>(k), re, im));
#if defined(PETSC_USE_COMPLEX)
    out[k] = PetscScalar(re, im);
#else
    out[k] = re;
#endif
  }
  return out;
}

// Width of the values: the one that makes the file end after them, or another object follow.
void find_value_bytes(Layout *l) {
  const std::int64_t rest = l->file->bytes() - l->values_at;
  const std::array<int, 3> widths{8, 16, 4};
  for (const int w : widths)
    if (rest == l->stored * w) {
      l->value_bytes = w;
      return;
    }
  for (const int w : widths) {
    const std::int64_t next = l->values_at + l->stored * w;
    if (next + 2 * l->width > l->file->bytes())
      continue;
    const std::int64_t id = l->integers(next, 1)[0];
    if (id == mat_classid || id == vec_classid) {
      l->value_bytes = w;
      return;
    }
  }
  throw InputError(Format("%s: %lld values need %lld bytes (real) or %lld (complex), %lld follow "
                          "the header and indices: truncated or damaged",
                          l->name.c_str(), static_cast<long long>(l->stored),
                          static_cast<long long>(8 * l->stored),
                          static_cast<long long>(16 * l->stored), static_cast<long long>(rest)));
}

Layout read_layout(const ReadOnlyFile &file, const std::string &name) {
  Layout l;
  l.file = &file;
  l.name = name;
  std::int64_t id = l.integers(0, 1)[0];
  if (id == 0) { // the high half of a 64-bit class identifier
    l.width = 8;
    id = l.integers(0, 1)[0];
  }
  if (id != mat_classid && id != vec_classid)
    throw InputError(Format("%s: class %lld is neither Mat (%lld) nor Vec (%lld)", name.c_str(),
                            static_cast<long long>(id), static_cast<long long>(mat_classid),
                            static_cast<long long>(vec_classid)));
  l.vector = id == vec_classid;
  const int header = l.vector ? 2 : 4;
  const std::vector<std::int64_t> h = l.integers(0, header);
  l.rows = h[1];
  l.cols = l.vector ? 1 : h[2];
  l.dense = l.vector || h[3] == -1;
  const std::string shape = Format("%s: header says %lld x %lld", name.c_str(),
                                   static_cast<long long>(l.rows), static_cast<long long>(l.cols));
  if (l.rows < 0 || l.cols < 0 || (!l.dense && h[3] < 0))
    throw InputError(shape + ": negative sizes");
  const std::int64_t bytes = file.bytes();
  l.lengths_at = static_cast<std::int64_t>(header) * l.width;
  if (l.dense) {
    if (l.cols > 0 && l.rows > bytes / l.cols)
      throw InputError(shape +
                       Format(" dense, impossible in %lld bytes", static_cast<long long>(bytes)));
    l.stored = l.rows * l.cols;
    l.values_at = l.lengths_at;
  } else {
    l.stored = h[3];
    if (l.rows > bytes / l.width || l.stored > bytes / l.width)
      throw InputError(shape + Format(" with %lld entries, impossible in %lld bytes",
                                      static_cast<long long>(l.stored),
                                      static_cast<long long>(bytes)));
    l.columns_at = l.lengths_at + l.rows * l.width;
    l.values_at = l.columns_at + l.stored * l.width;
  }
  find_value_bytes(&l);
#if !defined(PETSC_USE_COMPLEX)
  if (l.value_bytes == 16)
    throw InputError(name + ": was written by a complex build of PETSc and cannot be read by a "
                            "build with real scalars; use a complex build (preset complex)");
#endif
  return l;
}

PetscErrorCode ReadSparse(MPI_Comm comm, const Layout &l, const Range &rows, Mat *A) {
  LocalCsr csr;
  std::vector<std::int64_t> lengths;
  std::int64_t mine = 0;
  PetscFunctionBegin;
  std::string problem = attempt([&] {
    lengths = l.integers(l.lengths_at + rows.begin * l.width, rows.size());
    csr.row_start.assign(lengths.size() + 1, 0);
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      if (lengths[i] < 0 || lengths[i] > l.stored - mine)
        throw InputError(
            Format("%s: row %lld (from 0) has length %lld, outside 0..%lld", l.name.c_str(),
                   static_cast<long long>(rows.begin) + static_cast<long long>(i),
                   static_cast<long long>(lengths[i]), static_cast<long long>(l.stored - mine)));
      mine += lengths[i];
      if (mine > PETSC_MAX_INT)
        throw InputError(l.name + ": one rank owns more entries than 32-bit indices count; use "
                                  "more ranks or a 64-bit build");
      csr.row_start[i + 1] = static_cast<PetscInt>(mine);
    }
  });
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  std::int64_t before = 0;
  std::int64_t total = 0;
  PetscCallMPI(MPI_Scan(&mine, &before, 1, MPI_INT64_T, MPI_SUM, comm));
  PetscCallMPI(MPI_Allreduce(&mine, &total, 1, MPI_INT64_T, MPI_SUM, comm));
  before -= mine;
  PetscCheck(total == l.stored, comm, PETSC_ERR_FILE_UNEXPECTED,
             "%s: the row lengths sum to %lld, the header says %lld entries", l.name.c_str(),
             static_cast<long long>(total), static_cast<long long>(l.stored));
  problem = attempt([&] {
    const std::vector<std::int64_t> columns = l.integers(l.columns_at + before * l.width, mine);
    for (std::size_t k = 0; k < columns.size(); ++k)
      if (columns[k] < 0 || columns[k] >= l.cols)
        throw InputError(Format("%s: column index %lld of entry %lld (from 0) is outside 0..%lld",
                                l.name.c_str(), static_cast<long long>(columns[k]),
                                static_cast<long long>(before) + static_cast<long long>(k),
                                static_cast<long long>(l.cols - 1)));
    csr.col.assign(columns.begin(), columns.end());
    csr.value = l.values(before, mine);
    const std::string overflow = sort_rows(csr, rows.begin);
    if (!overflow.empty())
      throw InputError(l.name + ": " + overflow);
  });
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  PetscCall(MatrixFromCsr(comm, l.rows, l.cols, csr, A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ReadDense(MPI_Comm comm, const Layout &l, const Range &rows, Mat *A) {
  PetscFunctionBegin;
  const auto fill = [&](PetscScalar *a, PetscInt ld) {
    for (std::int64_t i = rows.begin; i < rows.end; ++i) {
      const std::vector<PetscScalar> row = l.values(i * l.cols, l.cols);
      for (std::size_t j = 0; j < row.size(); ++j)
        a[(i - rows.begin) + static_cast<std::int64_t>(j) * ld] = row[j];
    }
  };
  PetscCall(FillDense(comm, l.rows, l.cols, fill, A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode ReadMatrixBinary(MPI_Comm comm, const std::string &file, Mat *A, MatrixInfo *info) {
  int rank = 0;
  int size = 1;
  ReadOnlyFile input;
  Layout l;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  const std::string problem = attempt([&] {
    const std::string cannot = input.open(file);
    if (!cannot.empty())
      throw InputError(file + ": " + cannot);
    l = read_layout(input, file);
  });
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  PetscCall(CheckShape(comm, file, l.rows, l.cols, input.bytes()));
  const Range rows = block_range(l.rows, size, rank);
  if (l.dense)
    PetscCall(ReadDense(comm, l, rows, A));
  else
    PetscCall(ReadSparse(comm, l, rows, A));
  if (info) {
    info->file = file;
    info->object.clear();
    info->format = l.vector ? "PETSc binary Vec" : "PETSc binary Mat";
    info->field = l.value_bytes == 16 ? "complex" : "real";
    info->symmetry = "general";
    info->compressed = false;
    info->dense = l.dense;
    info->rows = l.rows;
    info->cols = l.cols;
    info->stored = l.stored;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode WriteBinary(PetscObject object, const std::string &file) {
  MPI_Comm comm = PetscObjectComm(object);
  ViewerHandle viewer;
  const std::string target = link_target(file), part = target + ".part";
  int rank = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCall(PetscViewerCreate(comm, viewer.out()));
  PetscCall(PetscViewerSetType(viewer, PETSCVIEWERBINARY));
  PetscCall(PetscViewerBinarySetSkipInfo(viewer, PETSC_TRUE));
  PetscCall(PetscViewerFileSetMode(viewer, FILE_MODE_WRITE));
  PetscCall(PetscViewerFileSetName(viewer, part.c_str()));
  PetscCall(PetscViewerPushFormat(viewer, PETSC_VIEWER_NATIVE)); // dense: as dense
  PetscCall(PetscObjectView(object, viewer));
  PetscCall(PetscViewerPopFormat(viewer));
  viewer.reset();
  const bool moved = rank != 0 || std::rename(part.c_str(), target.c_str()) == 0;
  LatheCheckAll(comm, moved, PETSC_ERR_FILE_WRITE, "cannot rename %s to %s: %s", part.c_str(),
                file.c_str(), std::strerror(errno));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
