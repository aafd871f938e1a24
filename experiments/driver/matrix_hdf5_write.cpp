// SPDX-License-Identifier: BSD-2-Clause
#include "core/error.h"
#include "driver/hdf5_write.h"
#include "driver/matrix_entries.h"
#include "driver/matrix_hdf5.h"
#include "driver/output_file.h"
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <hdf5_hl.h>
#include <unistd.h>

namespace lathe::driver {
namespace {

using namespace lathe::hdf5;

// One file being written by all ranks. Every method is collective. A failure is remembered and the
// sequence of calls goes on, so that ranks stay in step; `ok` is agreed on at the end.
class Writer {
public:
  explicit Writer(MPI_Comm comm) : comm_(comm) {}
  ~Writer() {
    if (!problem_.empty()) // closing is collective, and the other ranks may be elsewhere
      (void)file_.release();
  }
  Writer(const Writer &) = delete;
  Writer &operator=(const Writer &) = delete;

  void open(const std::string &file, bool create) {
    const PropertyList access = parallel_access(comm_);
    file_.reset(
        create ? H5Fcreate(file.c_str(), H5F_ACC_TRUNC, ordered_creation(H5P_FILE_CREATE), access)
               : H5Fopen(file.c_str(), H5F_ACC_RDWR, access));
    keep(file_ ? 0 : -1);
  }
  [[nodiscard]] bool exists(const std::string &object) const {
    for (std::size_t slash = object.find('/', 1);; slash = object.find('/', slash + 1)) {
      if (H5Lexists(file_, object.substr(0, slash).c_str(), H5P_DEFAULT) <= 0)
        return false;
      if (slash == std::string::npos)
        return true;
    }
  }

  Group group(const std::string &path) {
    PropertyList links(H5Pcreate(H5P_LINK_CREATE));
    keep(H5Pset_create_intermediate_group(links, 1));
    Group g(
        H5Gcreate2(file_, path.c_str(), links, ordered_creation(H5P_GROUP_CREATE), H5P_DEFAULT));
    keep(g ? 0 : -1);
    return g;
  }

  Dataset dataset(const std::string &path, hid_t type, const std::vector<hsize_t> &shape,
                  H5D_fill_time_t fill = H5D_FILL_TIME_NEVER) {
    PropertyList links(H5Pcreate(H5P_LINK_CREATE));
    const PropertyList creation = ordered_creation(H5P_DATASET_CREATE);
    keep(H5Pset_create_intermediate_group(links, 1));
    keep(H5Pset_fill_time(creation, fill));
    Dataspace space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr));
    Dataset d(H5Dcreate2(file_, path.c_str(), type, space, links, creation, H5P_DEFAULT));
    keep(d ? 0 : -1);
    return d;
  }

  // A netCDF dimension without values. Parallel HDF5 reserves its space in the file, so it is of
  // bytes (netCDF-C itself takes 4-byte floats), and zero rather than what the disk held.
  Dataset dimension(const std::string &path, hsize_t length) {
    Dataset d = dataset(path, H5T_STD_I8BE, {length}, H5D_FILL_TIME_ALLOC);
    keep(H5DSset_scale(d, Format("This is a netCDF dimension but not a netCDF variable. %10lld",
                                 static_cast<long long>(length))
                              .c_str()));
    return d;
  }
  void attach(const Dataset &d, const Dataset &scale, unsigned axis) {
    keep(H5DSattach_scale(d, scale, axis));
  }

  void attribute(hid_t object, const char *name, const std::string &text) {
    Datatype type(H5Tcopy(H5T_C_S1));
    keep(H5Tset_size(type, text.size() + 1));
    keep(H5Tset_cset(type, H5T_CSET_UTF8));
    Dataspace scalar(H5Screate(H5S_SCALAR));
    Attribute a(H5Acreate2(object, name, type, scalar, H5P_DEFAULT, H5P_DEFAULT));
    keep(H5Awrite(a, type, text.c_str()));
  }
  void attribute(hid_t object, const char *name, const std::vector<std::int64_t> &values) {
    const hsize_t n = values.size();
    Dataspace space(n == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &n, nullptr));
    Attribute a(H5Acreate2(object, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT));
    keep(H5Awrite(a, H5T_NATIVE_INT64, values.data()));
  }

  void describe(const Dataset &d, const char *long_name) {
    attribute(d, "long_name", long_name);
    attribute(d, "units", "1");
  }

  // This rank's block: [start, start+count) of the first axis, all of the others. Every rank makes
  // the same number of calls, of at most 1 GiB each. A rank that could not write fails alone: the
  // others may wait for it inside of HDF5 already.
  PetscErrorCode write(const Dataset &d, hid_t type, hsize_t start, hsize_t count,
                       const std::vector<hsize_t> &rest, const void *data) {
    PetscFunctionBegin;
    hsize_t row = H5Tget_size(type);
    for (const hsize_t n : rest)
      row *= n;
    const hsize_t step = std::max<hsize_t>(1, (hsize_t{1} << 30) / std::max<hsize_t>(row, 1));
    unsigned long long calls = (count + step - 1) / step;
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &calls, 1, MPI_UNSIGNED_LONG_LONG, MPI_MAX, comm_));
    const PropertyList transfer = collective_transfer();
    Dataspace file_space(H5Dget_space(d));
    const auto *bytes = static_cast<const char *>(data);
    for (unsigned long long c = 0; c < calls; ++c) {
      std::vector<hsize_t> at{start}, n{std::min(step, count)};
      at.resize(rest.size() + 1, 0);
      n.insert(n.end(), rest.begin(), rest.end());
      Dataspace memory(H5Screate_simple(static_cast<int>(n.size()), n.data(), nullptr));
      if (n[0] * row == 0) {
        keep(H5Sselect_none(file_space));
        keep(H5Sselect_none(memory));
      } else {
        keep(
            H5Sselect_hyperslab(file_space, H5S_SELECT_SET, at.data(), nullptr, n.data(), nullptr));
      }
      keep(H5Dwrite(d, type, memory, file_space, transfer, bytes));
      start += n[0];
      count -= n[0];
      bytes += n[0] * row;
      PetscCheck(problem_.empty(), PETSC_COMM_SELF, PETSC_ERR_FILE_WRITE, "cannot write: %s",
                 problem_.c_str());
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }

  void keep(herr_t result) {
    if (result < 0 && problem_.empty())
      problem_ = error_text();
  }
  [[nodiscard]] const std::string &problem() const { return problem_; }
  [[nodiscard]] hid_t file() const { return file_; }
  void close() {
    if (!file_.close())
      keep(-1);
  }

private:
  MPI_Comm comm_;
  File file_;
  std::string problem_;
};

constexpr bool complex_build = PetscDefined(USE_COMPLEX);
static_assert(sizeof(PetscReal) == sizeof(double), "files hold double");

// Dataset of scalars with PETSc's trailing dimension in complex builds.
Dataset scalars(Writer *w, const std::string &path, std::vector<hsize_t> shape,
                const std::string &prefix) {
  const auto axis = static_cast<unsigned>(shape.size());
  if (complex_build)
    shape.push_back(2);
  Dataset d = w->dataset(path, H5T_IEEE_F64LE, shape);
  if (complex_build) {
    const Dataset scale = w->dimension(prefix + "complex", 2);
    w->attach(d, scale, axis);
    w->attribute(d, "complex", std::vector<std::int64_t>{1});
  }
  return d;
}
std::vector<hsize_t> with_complex(std::vector<hsize_t> rest) {
  if (complex_build)
    rest.push_back(2);
  return rest;
}

// Global row pointers of this rank's rows (the last rank's with the end), columns and values.
struct GlobalCsr {
  std::vector<std::int64_t> pointers, columns;
  std::vector<PetscScalar> values;
  std::int64_t begin = 0, entries = 0; // first entry of this rank; of all ranks
};

PetscErrorCode LocalRows(Mat A, GlobalCsr *csr) {
  MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscInt first = 0, last = 0, M = 0;
  PetscFunctionBegin;
  PetscCall(MatGetOwnershipRange(A, &first, &last));
  PetscCall(MatGetSize(A, &M, nullptr));
  std::string problem;
  for (PetscInt i = first; i < last; ++i) {
    PetscInt n = 0;
    const PetscInt *cols = nullptr;
    const PetscScalar *values = nullptr;
    PetscCall(MatGetRow(A, i, &n, &cols, &values));
    if (problem.empty())
      problem = attempt([&] {
        csr->pointers.push_back(static_cast<std::int64_t>(csr->columns.size()));
        csr->columns.insert(csr->columns.end(), cols, cols + n);
        csr->values.insert(csr->values.end(), values, values + n);
      });
    PetscCall(MatRestoreRow(A, i, &n, &cols, &values));
  }
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_MEM, "%s", problem.c_str());
  const auto mine = static_cast<std::int64_t>(csr->columns.size());
  PetscCallMPI(MPI_Scan(&mine, &csr->begin, 1, MPI_INT64_T, MPI_SUM, comm));
  PetscCallMPI(MPI_Allreduce(&mine, &csr->entries, 1, MPI_INT64_T, MPI_SUM, comm));
  csr->begin -= mine;
  for (std::int64_t &p : csr->pointers)
    p += csr->begin;
  int rank = 0;
  int size = 1;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  if (rank == size - 1)
    csr->pointers.push_back(csr->entries);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode WriteSparse(Mat A, const std::string &object, Writer *w) {
  GlobalCsr csr;
  PetscInt first = 0, M = 0, N = 0;
  PetscFunctionBegin;
  PetscCall(LocalRows(A, &csr));
  PetscCall(MatGetOwnershipRange(A, &first, nullptr));
  PetscCall(MatGetSize(A, &M, &N));
  const auto nnz = static_cast<hsize_t>(csr.entries);
  const auto pointers = static_cast<hsize_t>(M) + 1;
  const Group g = w->group(object);
  w->attribute(g, "MATLAB_sparse", std::vector<std::int64_t>{N});
  w->attribute(g, "shape", std::vector<std::int64_t>{M, N});
  w->attribute(g, "format", "csr");
  const Dataset row_scale = w->dimension(object + "/row_plus_1", pointers);
  const Dataset nnz_scale = w->dimension(object + "/nnz", nnz);
  const Dataset jc = w->dataset(object + "/jc", H5T_STD_I64LE, {pointers});
  w->attach(jc, row_scale, 0);
  w->describe(jc, "start of each row in ir and data");
  const Dataset ir = w->dataset(object + "/ir", H5T_STD_I64LE, {nnz});
  w->attach(ir, nnz_scale, 0);
  w->describe(ir, "column index, from 0");
  const Dataset data = scalars(w, object + "/data", {nnz}, object + "/");
  w->attach(data, nnz_scale, 0);
  w->describe(data, "value");
  PetscCall(w->write(jc, H5T_NATIVE_INT64, static_cast<hsize_t>(first), csr.pointers.size(), {},
                     csr.pointers.data()));
  const auto begin = static_cast<hsize_t>(csr.begin);
  PetscCall(w->write(ir, H5T_NATIVE_INT64, begin, csr.columns.size(), {}, csr.columns.data()));
  PetscCall(w->write(data, H5T_NATIVE_DOUBLE, begin, csr.values.size(), with_complex({}),
                     csr.values.data()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode WriteDense(Mat A, const std::string &object, Writer *w) {
  MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  const PetscScalar *a = nullptr;
  PetscInt first = 0, m = 0, M = 0, N = 0, ld = 0;
  PetscFunctionBegin;
  PetscCall(MatGetOwnershipRange(A, &first, nullptr));
  PetscCall(MatGetLocalSize(A, &m, nullptr));
  PetscCall(MatGetSize(A, &M, &N));
  PetscCall(MatDenseGetLDA(A, &ld));
  const auto cols = static_cast<hsize_t>(N);
  const Dataset row = w->dimension(object + "_row", static_cast<hsize_t>(M));
  const Dataset column = w->dimension(object + "_column", cols);
  const Dataset d = scalars(w, object, {static_cast<hsize_t>(M), cols}, object + "_");
  w->attach(d, row, 0);
  w->attach(d, column, 1);
  w->attribute(d, "layout", "row_major");
  w->describe(d, "entry");
  const auto width = static_cast<std::int64_t>(N);
  const std::int64_t step =
      std::max<std::int64_t>(1, (std::int64_t{1} << 23) / std::max<std::int64_t>(1, width));
  std::int64_t calls = (m + step - 1) / step;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &calls, 1, MPI_INT64_T, MPI_MAX, comm));
  std::vector<PetscScalar> rows;
  const std::string problem =
      attempt([&] { rows.resize(static_cast<std::size_t>(std::min<std::int64_t>(step, m) * N)); });
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_MEM, "%s", problem.c_str());
  PetscCall(MatDenseGetArrayRead(A, &a));
  for (std::int64_t c = 0; c < calls; ++c) {
    const std::int64_t begin = std::min<std::int64_t>(m, c * step);
    const std::int64_t n = std::min<std::int64_t>(step, m - begin);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < width; ++j)
        rows[static_cast<std::size_t>(i * width + j)] = a[begin + i + j * ld];
    PetscCall(w->write(d, H5T_NATIVE_DOUBLE, static_cast<hsize_t>(first + begin),
                       static_cast<hsize_t>(n), with_complex({cols}), rows.data()));
  }
  PetscCall(MatDenseRestoreArrayRead(A, &a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode WriteArray(Vec x, const std::string &object, Writer *w) {
  const PetscScalar *values = nullptr;
  PetscInt first = 0, last = 0, N = 0;
  PetscFunctionBegin;
  PetscCall(VecGetSize(x, &N));
  PetscCall(VecGetOwnershipRange(x, &first, &last));
  const Dataset row = w->dimension(object + "_row", static_cast<hsize_t>(N));
  const Dataset d = scalars(w, object, {static_cast<hsize_t>(N)}, object + "_");
  w->attach(d, row, 0);
  w->describe(d, "entry");
  PetscCall(VecGetArrayRead(x, &values));
  PetscCall(w->write(d, H5T_NATIVE_DOUBLE, static_cast<hsize_t>(first),
                     static_cast<hsize_t>(last - first), with_complex({}), values));
  PetscCall(VecRestoreArrayRead(x, &values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Everything around the writing of one object of so many bytes; `fill(path, writer)`. Where they
// have no room nothing is begun: MPI's writing of a file may hang on a full disk.
template <class Fill>
PetscErrorCode WriteObject(MPI_Comm comm, const std::string &file, const std::string &object,
                           const char *usual, double bytes, Fill &&fill) {
  const SilentErrors silent;
  Writer writer(comm);
  constexpr double overhead = 16384; // of the file itself
  int rank = 0;
  int add = 0;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  if (rank == 0)
    add = !object.empty() && access(file.c_str(), F_OK) == 0 ? 1 : 0;
  PetscCallMPI(MPI_Bcast(&add, 1, MPI_INT, 0, comm));
  const std::string path = object.empty() ? usual : object;
  PetscCheck(path.size() > 1 && path.back() != '/', comm, PETSC_ERR_ARG_WRONG,
             "%s:%s: name an object inside the file, such as %s:%s", file.c_str(), path.c_str(),
             file.c_str(), usual);
  const std::string real = link_target(file), target = add ? file : real + ".part";
  double room = rank == 0 ? free_bytes(target) : 0;
  PetscCallMPI(MPI_Bcast(&room, 1, MPI_DOUBLE, 0, comm));
  PetscCheck(bytes + overhead <= room, comm, PETSC_ERR_FILE_OPEN,
             "%s needs %.0f bytes, its disk has %.0f left", file.c_str(), bytes + overhead, room);
  writer.open(target, add == 0);
  LatheCheckAll(comm, writer.problem().empty(), PETSC_ERR_FILE_OPEN, "cannot open %s: %s",
                target.c_str(), writer.problem().c_str());
  if (add) {
    const bool there = writer.exists(path);
    LatheCheckAll(comm, !there, PETSC_ERR_FILE_OPEN, "%s already has an object %s", file.c_str(),
                  path.c_str());
  } else {
    for (const auto &[name, text] : {std::pair{"Conventions", "CF-1.10"},
                                     {"title", "Matrix or vector"},
                                     {"source", "lathe"},
                                     {"lathe_schema", "1.0"},
                                     {"content", "matrix"}})
      writer.attribute(writer.file(), name, text);
  }
  PetscCall(fill(path, &writer));
  writer.close();
  LatheCheckAll(comm, writer.problem().empty(), PETSC_ERR_FILE_WRITE, "cannot write %s:%s: %s",
                target.c_str(), path.c_str(), writer.problem().c_str());
  const bool moved = add || rank != 0 || std::rename(target.c_str(), real.c_str()) == 0;
  LatheCheckAll(comm, moved, PETSC_ERR_FILE_WRITE, "cannot rename %s: %s", target.c_str(),
                std::strerror(errno));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode WriteMatrixHdf5(Mat A, const std::string &file, const std::string &object) {
  PetscBool dense = PETSC_FALSE;
  PetscFunctionBegin;
  PetscCall(PetscObjectBaseTypeCompareAny(reinterpret_cast<PetscObject>(A), &dense, MATSEQDENSE,
                                          MATMPIDENSE, ""));
  PetscInt rows = 0, cols = 0;
  PetscCall(MatGetSize(A, &rows, &cols));
  const double m = static_cast<double>(rows), entry = sizeof(PetscScalar);
  double bytes = m * static_cast<double>(cols) * entry;
  if (!dense) {
    MatInfo info;
    PetscCall(MatGetInfo(A, MAT_GLOBAL_SUM, &info));
    bytes = 8 * m + (8 + entry) * static_cast<double>(info.nz_used);
  }
  const auto fill = [&](const std::string &path, Writer *w) {
    return dense ? WriteDense(A, path, w) : WriteSparse(A, path, w);
  };
  PetscCall(WriteObject(PetscObjectComm(reinterpret_cast<PetscObject>(A)), file, object, "/matrix",
                        bytes, fill));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode WriteVectorHdf5(Vec x, const std::string &file, const std::string &object) {
  PetscFunctionBegin;
  PetscInt size = 0;
  PetscCall(VecGetSize(x, &size));
  const auto fill = [&](const std::string &path, Writer *w) { return WriteArray(x, path, w); };
  PetscCall(WriteObject(PetscObjectComm(reinterpret_cast<PetscObject>(x)), file, object, "/vector",
                        static_cast<double>(size) * sizeof(PetscScalar), fill));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
