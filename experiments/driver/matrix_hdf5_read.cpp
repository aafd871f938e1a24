// SPDX-License-Identifier: BSD-2-Clause
#include "core/error.h"
#include "core/layout.h"
#include "driver/hdf5_input.h"
#include "driver/matrix_hdf5.h"
#include <algorithm>
#include <array>

namespace lathe::driver {
namespace {

using hdf5::Complex;
using hdf5::Input;
using hdf5::Numbers;

// What an object in a file holds, as every rank finds it for itself.
struct Found {
  enum class Kind { csr, csc, dense } kind = Kind::dense;
  std::string path;
  Numbers pointers, indices, data;
  std::int64_t rows = 0, cols = 0, stored = 0;
  bool column_major = false; // dense: dataset has shape (cols, rows)
};

const std::array<std::array<const char *, 2>, 2> sparse_names{
    {{"jc", "ir"}, {"indptr", "indices"}}};

std::string inside(const std::string &group, const char *name) {
  return (group == "/" ? "" : group) + "/" + name;
}

// Index into sparse_names, or -1.
int sparse_kind(const Input &input, const std::string &path) {
  for (std::size_t k = 0; k < sparse_names.size(); ++k)
    if (exists(input, inside(path, sparse_names[k][0])) &&
        exists(input, inside(path, sparse_names[k][1])) && exists(input, inside(path, "data")))
      return static_cast<int>(k);
  return -1;
}

// (rows, columns) from an attribute or a dataset `shape`.
std::vector<std::int64_t> declared_shape(const Input &input, const std::string &path) {
  for (const char *name : {"shape", "h5sparse_shape"})
    if (auto shape = integer_attribute(input, path, name); shape && shape->size() == 2)
      return *shape;
  if (exists(input, inside(path, "shape"))) {
    const Numbers n = open_numbers(input, inside(path, "shape"));
    if (n.shape.size() == 1 && n.shape[0] == 2)
      return read_integers(n, 0, 2);
  }
  return {};
}

// "csr", "csc" or "" from the attributes that scipy's users, AnnData and h5sparse write.
std::string declared_format(const Input &input, const std::string &path) {
  for (const char *name : {"format", "h5sparse_format", "encoding-type"})
    if (const auto text = string_attribute(input, path, name)) {
      if (text->rfind("csr", 0) == 0)
        return "csr";
      if (text->rfind("csc", 0) == 0)
        return "csc";
      throw InputError(input.name + ":" + path + ": attribute " + name + " = '" + *text +
                       "'; csr or csc can be read");
    }
  return "";
}

// jc, ir, data: MATLAB marks its files with MATLAB_class and stores columns; PETSc stores rows.
void describe_matlab_names(const Input &input, Found *f) {
  const std::string where = input.name + ":" + f->path;
  const auto other = integer_attribute(input, f->path, "MATLAB_sparse");
  const auto shape = declared_shape(input, f->path);
  std::string format = declared_format(input, f->path);
  if (format.empty())
    format = has_attribute(input, f->path, "MATLAB_class") ? "csc" : "csr";
  const std::int64_t major = f->pointers.count() - 1;
  const std::size_t minor_axis = format == "csr" ? 1 : 0;
  if (!other && shape.empty())
    throw InputError(where + ": neither attribute MATLAB_sparse nor shape tells the number of " +
                     (format == "csr" ? "columns" : "rows"));
  const std::int64_t minor = other ? (*other)[0] : shape[minor_axis];
  f->kind = format == "csr" ? Found::Kind::csr : Found::Kind::csc;
  f->rows = format == "csr" ? major : minor;
  f->cols = format == "csr" ? minor : major;
  if (!shape.empty() && (shape[0] != f->rows || shape[1] != f->cols))
    throw InputError(Format("%s: attribute shape says %lld x %lld, but jc and MATLAB_sparse say "
                            "%lld x %lld",
                            where.c_str(), static_cast<long long>(shape[0]),
                            static_cast<long long>(shape[1]), static_cast<long long>(f->rows),
                            static_cast<long long>(f->cols)));
}

// indptr, indices, data: the format may have to be told from the length of indptr.
void describe_scipy_names(const Input &input, Found *f) {
  const std::string where = input.name + ":" + f->path;
  const auto shape = declared_shape(input, f->path);
  if (shape.empty())
    throw InputError(where + ": has no attribute or dataset shape of two integers");
  std::string format = declared_format(input, f->path);
  const std::int64_t major = f->pointers.count() - 1;
  if (format.empty() && shape[0] == shape[1])
    throw InputError(where + ": is square, so attribute format must say csr or csc");
  if (format.empty())
    format = major == shape[0] ? "csr" : "csc";
  f->kind = format == "csr" ? Found::Kind::csr : Found::Kind::csc;
  f->rows = shape[0];
  f->cols = shape[1];
  if (major != (format == "csr" ? f->rows : f->cols))
    throw InputError(Format("%s: indptr has %lld entries, %s with shape %lld x %lld needs %lld",
                            where.c_str(), static_cast<long long>(major + 1), format.c_str(),
                            static_cast<long long>(f->rows), static_cast<long long>(f->cols),
                            static_cast<long long>((format == "csr" ? f->rows : f->cols) + 1)));
}

Found describe_sparse(const Input &input, const std::string &path, int names) {
  Found f;
  f.path = path;
  const auto &name = sparse_names[static_cast<std::size_t>(names)];
  f.pointers = open_numbers(input, inside(path, name[0]));
  f.indices = open_numbers(input, inside(path, name[1]));
  f.data = open_numbers(input, inside(path, "data"));
  for (const Numbers *n : {&f.pointers, &f.indices, &f.data})
    if (n->shape.size() != 1)
      throw InputError(n->where + Format(": must have one dimension, has %zu", n->shape.size()));
  if (!f.pointers.integer || !f.indices.integer)
    throw InputError((f.pointers.integer ? f.indices : f.pointers).where +
                     ": indices must be integers");
  if (f.pointers.count() < 1)
    throw InputError(f.pointers.where + ": is empty; it must have one entry more than the matrix "
                                        "has rows (csr) or columns (csc)");
  f.stored = f.data.count();
  if (f.indices.count() != f.stored)
    throw InputError(Format("%s: has %lld entries, data has %lld", f.indices.where.c_str(),
                            static_cast<long long>(f.indices.count()),
                            static_cast<long long>(f.stored)));
  if (names == 0)
    describe_matlab_names(input, &f);
  else
    describe_scipy_names(input, &f);
  return f;
}

Found describe_dense(const Input &input, const std::string &path) {
  Found f;
  f.path = path;
  f.data = open_numbers(input, path);
  const auto &shape = f.data.shape;
  if (shape.empty() || shape.size() > 2)
    throw InputError(f.data.where +
                     Format(": a matrix has two dimensions, this has %zu", shape.size()));
  const std::string layout = string_attribute(input, path, "layout").value_or("");
  if (!layout.empty() && layout != "row_major" && layout != "column_major")
    throw InputError(f.data.where + ": attribute layout = '" + layout +
                     "'; row_major or column_major can be read");
  const bool matlab = has_attribute(input, path, "MATLAB_class");
  if (matlab && has_attribute(input, path, "MATLAB_empty"))
    throw InputError(f.data.where + ": is an empty MATLAB array");
  f.column_major = shape.size() == 2 && (layout == "column_major" || (layout.empty() && matlab));
  f.rows = static_cast<std::int64_t>(shape[0]);
  f.cols = shape.size() == 2 ? static_cast<std::int64_t>(shape[1]) : 1;
  if (f.column_major)
    std::swap(f.rows, f.cols);
  f.stored = f.rows * f.cols;
  return f;
}

// Paths of everything that could be meant by a file name alone.
struct Search {
  const Input *input;
  bool vector;
  std::vector<std::string> found;
};

void consider(Search *search, const std::string &path) {
  const Input &input = *search->input;
  const H5I_type_t type = kind(input, path);
  if (type == H5I_GROUP) {
    if (!search->vector && sparse_kind(input, path) >= 0)
      search->found.push_back(path);
    return;
  }
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
  if (type != H5I_DATASET || sparse_kind(input, parent) >= 0 ||
      string_attribute(input, path, "CLASS").value_or("") == "DIMENSION_SCALE")
    return;
  try {
    const Numbers n = open_numbers(input, path);
    const bool line =
        n.shape.size() == 1 || (n.shape.size() == 2 && std::min(n.shape[0], n.shape[1]) == 1);
    if (search->vector ? line : n.shape.size() == 2)
      search->found.push_back(path);
  } catch (const InputError &) {
    return; // no numbers: not meant
  }
}

herr_t visit(hid_t, const char *name, const H5L_info_t *, void *data) {
  try {
    consider(static_cast<Search *>(data), std::string("/") + name);
  } catch (...) { // no exception may cross HDF5's frames
    return -1;
  }
  return 0;
}

std::string only_candidate(const Input &input, bool vector) {
  Search search{&input, vector, {}};
  if (!vector && sparse_kind(input, "/") >= 0)
    return "/";
  if (H5Lvisit(input.file, H5_INDEX_NAME, H5_ITER_INC, visit, &search) < 0)
    throw InputError(input.name + ": cannot be searched: " + hdf5::error_text());
  const char *what = vector ? "vector" : "matrix";
  if (search.found.empty())
    throw InputError(input.name + ": holds no " + what +
                     (vector ? " (a 1-D, n x 1 or 1 x n dataset of numbers)"
                             : " (a 2-D dataset of numbers, or a group with jc, ir, data or "
                               "indptr, indices, data)"));
  if (search.found.size() == 1)
    return search.found[0];
  std::string list;
  for (std::size_t k = 0; k < std::min<std::size_t>(search.found.size(), 10); ++k)
    list += (k > 0 ? ", " : "") + search.found[k];
  throw InputError(input.name + Format(": holds %zu candidates for a ", search.found.size()) +
                   what + " (" + list + (search.found.size() > 10 ? ", ..." : "") +
                   "); name one as " + input.name + ":" + search.found[0]);
}

Found describe(const Input &input, const std::string &object, bool vector) {
  const std::string path = object.empty() ? only_candidate(input, vector) : object;
  if (!exists(input, path))
    throw InputError(input.name + ": has no object " + path);
  const int names = kind(input, path) == H5I_GROUP ? sparse_kind(input, path) : -1;
  if (names < 0 && kind(input, path) == H5I_GROUP)
    throw InputError(input.name + ":" + path +
                     ": is a group without jc, ir, data or indptr, indices, data");
  Found f = names >= 0 ? describe_sparse(input, path, names) : describe_dense(input, path);
#if !defined(PETSC_USE_COMPLEX)
  if (f.data.complex != Complex::no)
    throw InputError(f.data.where + ": is complex and cannot be read by a build of PETSc with real "
                                    "scalars; use a complex build (preset complex)");
#endif
  return f;
}

PetscScalar scalar_at(const std::vector<double> &values, bool complex, std::size_t k) {
#if defined(PETSC_USE_COMPLEX)
  return complex ? PetscScalar(values[2 * k], values[2 * k + 1]) : PetscScalar(values[k]);
#else
  (void)complex;
  return values[k];
#endif
}

// Rows (csr) or columns (csc) [range) of the file, indices checked.
struct Compressed {
  std::vector<std::int64_t> pointers, indices;
  std::vector<double> values;
};

Compressed read_compressed(const Found &f, const Range &range) {
  const auto first = static_cast<hsize_t>(range.begin);
  const std::int64_t majors = f.pointers.count() - 1;
  const std::int64_t minors = f.kind == Found::Kind::csr ? f.cols : f.rows;
  Compressed c;
  c.pointers = read_integers(f.pointers, first, static_cast<hsize_t>(range.size()) + 1);
  const auto refuse = [&](std::int64_t k, const std::string &what) {
    throw InputError(Format("%s[%lld] = %lld: ", f.pointers.where.c_str(),
                            static_cast<long long>(range.begin + k),
                            static_cast<long long>(c.pointers[static_cast<std::size_t>(k)])) +
                     what);
  };
  if (range.begin == 0 && c.pointers[0] != 0)
    refuse(0, "the first must be 0");
  for (std::size_t k = 0; k < c.pointers.size(); ++k) {
    if (c.pointers[k] < 0 || c.pointers[k] > f.stored)
      refuse(static_cast<std::int64_t>(k),
             Format("outside 0..%lld", static_cast<long long>(f.stored)));
    if (k > 0 && c.pointers[k] < c.pointers[k - 1])
      refuse(static_cast<std::int64_t>(k), "smaller than the one before it");
  }
  if (range.end == majors && c.pointers.back() != f.stored)
    refuse(range.size(), Format("the last must be the number of entries, %lld",
                                static_cast<long long>(f.stored)));
  const auto begin = static_cast<hsize_t>(c.pointers.front());
  const auto count = static_cast<hsize_t>(c.pointers.back()) - begin;
  c.indices = read_integers(f.indices, begin, count);
  for (std::size_t k = 0; k < c.indices.size(); ++k)
    if (c.indices[k] < 0 || c.indices[k] >= minors)
      throw InputError(Format("%s[%lld] = %lld: outside 0..%lld", f.indices.where.c_str(),
                              static_cast<long long>(begin + k),
                              static_cast<long long>(c.indices[k]),
                              static_cast<long long>(minors - 1)));
  c.values = read_doubles(f.data, {begin}, {count});
  return c;
}

PetscErrorCode ReadCsr(MPI_Comm comm, const Found &f, const Range &rows, Mat *A) {
  LocalCsr csr;
  PetscFunctionBegin;
  const std::string problem = attempt([&] {
    const Compressed c = read_compressed(f, rows);
    if (c.indices.size() > static_cast<std::size_t>(PETSC_MAX_INT))
      throw InputError(f.indices.where + ": one rank owns more entries than 32-bit indices count; "
                                         "use more ranks or a 64-bit build");
    csr.row_start.resize(c.pointers.size());
    std::transform(c.pointers.begin(), c.pointers.end(), csr.row_start.begin(),
                   [&](std::int64_t p) { return static_cast<PetscInt>(p - c.pointers[0]); });
    csr.col.assign(c.indices.begin(), c.indices.end());
    csr.value.resize(c.indices.size());
    for (std::size_t k = 0; k < csr.value.size(); ++k)
      csr.value[k] = scalar_at(c.values, f.data.complex != Complex::no, k);
    const std::string overflow = sort_rows(csr, rows.begin);
    if (!overflow.empty())
      throw InputError(f.data.where + ": " + overflow);
  });
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  PetscCall(MatrixFromCsr(comm, f.rows, f.cols, csr, A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Columns are read by rank, their entries sent to the owners of the rows.
PetscErrorCode ReadCsc(MPI_Comm comm, const Found &f, const Range &columns, Mat *A) {
  std::vector<Entry> entries;
  PetscFunctionBegin;
  const std::string problem = attempt([&] {
    const Compressed c = read_compressed(f, columns);
    entries.reserve(c.indices.size());
    for (std::size_t j = 0; j + 1 < c.pointers.size(); ++j)
      for (std::int64_t p = c.pointers[j]; p < c.pointers[j + 1]; ++p) {
        const auto k = static_cast<std::size_t>(p - c.pointers[0]);
        entries.push_back({static_cast<PetscInt>(c.indices[k]),
                           static_cast<PetscInt>(columns.begin + static_cast<std::int64_t>(j)),
                           scalar_at(c.values, f.data.complex != Complex::no, k)});
      }
  });
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  EntryRouter router(comm, f.rows, f.cols, false);
  PetscCall(router.Begin());
  PetscCall(router.Route(entries));
  PetscCall(router.Finish(A));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Local rows of a dense dataset into a column-major array, in pieces of about 64 MiB.
void read_dense(const Found &f, const Range &rows, PetscScalar *a, std::int64_t ld) {
  const bool complex = f.data.complex != Complex::no;
  const std::int64_t m = rows.size();
  const std::int64_t outer = f.column_major ? f.cols : m; // the dataset's first axis
  const std::int64_t inner = f.column_major ? m : f.cols;
  if (m == 0 || f.cols == 0)
    return;
  const std::int64_t step = std::max<std::int64_t>(1, (std::int64_t{1} << 23) / inner);
  for (std::int64_t at = 0; at < outer; at += step) {
    const std::int64_t n = std::min(step, outer - at);
    std::vector<hsize_t> start{static_cast<hsize_t>(f.column_major ? at : rows.begin + at)};
    std::vector<hsize_t> count{static_cast<hsize_t>(n)};
    if (f.data.shape.size() == 2) {
      start.push_back(static_cast<hsize_t>(f.column_major ? rows.begin : 0));
      count.push_back(static_cast<hsize_t>(inner));
    }
    const std::vector<double> values = read_doubles(f.data, start, count);
    for (std::int64_t o = 0; o < n; ++o)
      for (std::int64_t i = 0; i < inner; ++i)
        a[f.column_major ? i + (at + o) * ld : at + o + i * ld] =
            scalar_at(values, complex, static_cast<std::size_t>(o * inner + i));
  }
}

} // namespace

PetscErrorCode ReadMatrixHdf5(MPI_Comm comm, const std::string &file, const std::string &object,
                              bool vector, Mat *A, MatrixInfo *info) {
  int rank = 0;
  int size = 1;
  const hdf5::SilentErrors silent;
  std::optional<Input> input;
  Found f;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  const std::string problem = attempt([&] {
    input.emplace(file);
    f = describe(*input, object, vector);
  });
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  PetscCall(CheckShape(comm, file + ":" + f.path, f.rows, f.cols, input->bytes));
  if (f.kind == Found::Kind::csr)
    PetscCall(ReadCsr(comm, f, block_range(f.rows, size, rank), A));
  else if (f.kind == Found::Kind::csc)
    PetscCall(ReadCsc(comm, f, block_range(f.cols, size, rank), A));
  else
    PetscCall(FillDense(
        comm, f.rows, f.cols,
        [&](PetscScalar *a, PetscInt ld) { read_dense(f, block_range(f.rows, size, rank), a, ld); },
        A));
  if (info) {
    const std::array<const char *, 3> formats{"HDF5 CSR", "HDF5 CSC", "HDF5 dense"};
    info->file = file;
    info->object = f.path;
    info->format = formats[static_cast<std::size_t>(f.kind)];
    info->field = f.data.complex != Complex::no ? "complex" : f.data.integer ? "integer" : "real";
    info->symmetry = "general";
    info->compressed = false;
    info->dense = f.kind == Found::Kind::dense;
    info->rows = f.rows;
    info->cols = f.cols;
    info->stored = f.stored;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
