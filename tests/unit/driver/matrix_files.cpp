// SPDX-License-Identifier: BSD-2-Clause
// HDF5 and PETSc binary files, and the one entry that tells formats apart.
#include "core/random.h"
#include "driver/hdf5_handle.h"
#include "driver/matrix_hdf5.h"
#include "driver/matrix_io.h"
#include "unit/driver/fixture.h"
#include <cfloat>
#include <cmath>
#include <functional>
#include <petscviewerhdf5.h>

using namespace lathe;
using namespace lathe::test;
using namespace lathe::hdf5;
using driver::MatrixInfo;
using driver::ReadMatrix;
using driver::ReadVector;
using driver::WriteMatrix;
using driver::WriteVector;

namespace {

// Sparse m x n with awkward values; the same on any number of ranks.
MatHandle sample(PetscInt m, PetscInt n, MPI_Comm comm = PETSC_COMM_WORLD) {
  MatHandle A;
  PETSC_OK(MatCreateAIJ(comm, PETSC_DECIDE, PETSC_DECIDE, m, n, n, nullptr, n, nullptr, A.out()));
  PetscInt first = 0, last = 0;
  MatGetOwnershipRange(A, &first, &last);
  for (PetscInt i = first; i < last; ++i)
    for (PetscInt j = 0; j < n; ++j) {
      const auto at = static_cast<std::uint64_t>(i * n + j);
      if (random::uniform(3, 0, at) > 0.3)
        continue;
      double v = random::normal(3, 1, at) * std::pow(10.0, 40 * random::normal(3, 2, at));
      if (at % 17 == 0)
        v = -0.0;
      if (at % 19 == 0)
        v = DBL_TRUE_MIN;
#if defined(PETSC_USE_COMPLEX)
      MatSetValue(A, i, j, PetscScalar(v, 1 - v), INSERT_VALUES);
#else
      MatSetValue(A, i, j, v, INSERT_VALUES);
#endif
    }
  PETSC_OK(MatAssemblyBegin(A, MAT_FINAL_ASSEMBLY));
  PETSC_OK(MatAssemblyEnd(A, MAT_FINAL_ASSEMBLY));
  return A;
}

// Rank 0 makes an HDF5 file with serial HDF5, as other programs do.
std::string make(const Scratch &scratch, const std::string &name,
                 const std::function<void(hid_t)> &fill) {
  const std::string file = scratch.path(name);
  if (mpi_rank() == 0) {
    const File f(H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
    fill(f);
  }
  MPI_Barrier(PETSC_COMM_WORLD);
  return file;
}
void put(hid_t where, const char *name, hid_t type, const std::vector<hsize_t> &shape,
         const void *data) {
  const Dataspace space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr));
  const Dataset d(H5Dcreate2(where, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
}
void put(hid_t where, const char *name, const std::vector<double> &x) {
  put(where, name, H5T_NATIVE_DOUBLE, {x.size()}, x.data());
}
void put(hid_t where, const char *name, const std::vector<int> &x) {
  put(where, name, H5T_NATIVE_INT, {x.size()}, x.data());
}
void mark(hid_t where, const char *name, const std::vector<long long> &x) {
  const hsize_t n = x.size();
  const Dataspace space(n == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &n, nullptr));
  const Attribute a(H5Acreate2(where, name, H5T_NATIVE_LLONG, space, H5P_DEFAULT, H5P_DEFAULT));
  H5Awrite(a, H5T_NATIVE_LLONG, x.data());
}
void mark(hid_t where, const char *name, const std::string &text, bool variable) {
  const Datatype type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type, variable ? H5T_VARIABLE : text.size());
  const Dataspace space(H5Screate(H5S_SCALAR));
  const Attribute a(H5Acreate2(where, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
  const char *pointer = text.c_str();
  H5Awrite(a, type, variable ? static_cast<const void *>(&pointer) : pointer);
}
Group group(hid_t where, const char *name) {
  return Group(H5Gcreate2(where, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

MatHandle read(const std::string &spec, MatrixInfo *info = nullptr) {
  MatHandle A;
  PETSC_OK(ReadMatrix(PETSC_COMM_WORLD, spec.c_str(), A.out(), info));
  return A;
}
std::string refusal(const std::string &spec) {
  Mat A = nullptr;
  const Caught caught =
      catch_error([&] { return ReadMatrix(PETSC_COMM_WORLD, spec.c_str(), &A, nullptr); });
  CHECK_ALL(caught.code != PETSC_SUCCESS);
  CHECK_ALL(A == nullptr);
  return caught.message;
}
void says(const std::string &spec, const std::string &what) {
  const std::string message = refusal(spec);
  CAPTURE(message, what);
  CHECK_ALL(message.find(what) != std::string::npos);
}

// [[1.5, 0, 2], [0, 0, -3]] in compressed rows and columns
const std::vector<double> row_values{1.5, 2, -3}, col_values{1.5, 2, -3};
const std::vector<int> row_pointers{0, 2, 3}, row_indices{0, 2, 2};
const std::vector<int> col_pointers{0, 1, 1, 3}, col_indices{0, 0, 1};
Triplets small() {
  return expected({{1, 1, 1.5}, {1, 3, 2.0}, {2, 3, -3.0}});
}

} // namespace

TEST_CASE("Files: every format gives back the same bits, on any number of ranks") {
  const Scratch scratch;
  for (const auto &[m, n] : std::vector<std::pair<PetscInt, PetscInt>>{{23, 11}, {2, 40}, {7, 1}}) {
    const MatHandle A = sample(m, n);
    const Triplets want = gather(A);
    MatHandle dense;
    PETSC_OK(MatConvert(A, MATDENSE, MAT_INITIAL_MATRIX, dense.out()));
    for (const char *name : {"a.mtx", "a.mtx.gz", "a.h5", "a.petsc"}) {
      CAPTURE(name, m, n);
      const std::string file = scratch.path(name);
      MatrixInfo info;
      PETSC_OK(WriteMatrix(A, file.c_str()));
      CHECK_ALL(gather(read(file, &info)) == want);
      CHECK_ALL(info.rows == m);
      CHECK_ALL(info.cols == n);
      CHECK_ALL(info.stored == static_cast<std::int64_t>(want.size()));
      CHECK_ALL(!info.dense);
      PETSC_OK(WriteMatrix(dense, file.c_str()));
      CHECK_ALL(gather(read(file, &info)) == gather(dense));
      CHECK_ALL(info.dense);
      MPI_Barrier(PETSC_COMM_WORLD);
    }
  }
}

TEST_CASE("Files: HDF5 and Matrix Market output is byte-identical on any number of ranks") {
  const Scratch scratch;
  const MatHandle A = sample(23, 11);
  const MatHandle alone = sample(23, 11, PETSC_COMM_SELF);
  MatHandle dense, dense_alone;
  PETSC_OK(MatConvert(A, MATDENSE, MAT_INITIAL_MATRIX, dense.out()));
  PETSC_OK(MatConvert(alone, MATDENSE, MAT_INITIAL_MATRIX, dense_alone.out()));
  const std::string own = std::to_string(mpi_rank());
  for (const char *end : {".h5", ".mtx"}) {
    for (const auto &[whole, part] :
         std::vector<std::pair<Mat, Mat>>{{A, alone}, {dense, dense_alone}}) {
      PETSC_OK(WriteMatrix(whole, scratch.path(std::string("all") + end).c_str()));
      PETSC_OK(WriteMatrix(part, scratch.path(own + end).c_str()));
      CHECK_ALL(slurp(scratch.path(std::string("all") + end)) == slurp(scratch.path(own + end)));
      MPI_Barrier(PETSC_COMM_WORLD);
    }
  }
}

TEST_CASE("Files: PETSc's own MatLoad reads the sparse group") {
  const Scratch scratch;
  const MatHandle A = sample(23, 11);
  PETSC_OK(WriteMatrix(A, scratch.path("a.h5:/A").c_str()));
  ViewerHandle viewer;
  MatHandle B;
  PETSC_OK(PetscViewerHDF5Open(PETSC_COMM_WORLD, scratch.path("a.h5").c_str(), FILE_MODE_READ,
                               viewer.out()));
  PETSC_OK(MatCreate(PETSC_COMM_WORLD, B.out()));
  PETSC_OK(MatSetType(B, MATAIJ));
  PETSC_OK(PetscObjectSetName(reinterpret_cast<PetscObject>(B.get()), "A"));
  PETSC_OK(MatLoad(B, viewer));
  CHECK_ALL(gather(B) == gather(A));
}

TEST_CASE("Files: vectors as 1-D, n x 1 and 1 x n") {
  const Scratch scratch;
  VecHandle x;
  PETSC_OK(VecCreateMPI(PETSC_COMM_WORLD, PETSC_DECIDE, 17, x.out()));
  PetscInt first = 0, last = 0;
  VecGetOwnershipRange(x, &first, &last);
  for (PetscInt i = first; i < last; ++i)
    VecSetValue(x, i, random::normal(5, 0, static_cast<std::uint64_t>(i)), INSERT_VALUES);
  PETSC_OK(VecAssemblyBegin(x));
  PETSC_OK(VecAssemblyEnd(x));
  const auto same = [&](const std::string &spec) {
    VecHandle y;
    MatrixInfo info;
    PETSC_OK(ReadVector(PETSC_COMM_WORLD, spec.c_str(), y.out(), &info));
    PetscBool equal = PETSC_FALSE;
    PETSC_OK(VecEqual(x, y, &equal));
    CHECK_ALL(equal == PETSC_TRUE);
  };
  for (const char *name : {"x.mtx", "x.mtx.gz", "x.h5", "x.petsc"}) {
    PETSC_OK(WriteVector(x, scratch.path(name).c_str()));
    same(scratch.path(name));
  }
  std::vector<double> values;
  for (std::uint64_t i = 0; i < 17; ++i)
    values.push_back(random::normal(5, 0, i));
  same(make(scratch, "row.h5", [&](hid_t f) {
    put(f, "b", H5T_NATIVE_DOUBLE, {1, 17}, values.data());
  }));
  same(make(scratch, "column.h5", [&](hid_t f) {
    put(f, "b", H5T_NATIVE_DOUBLE, {17, 1}, values.data());
  }));
  PETSC_OK(WriteVector(x, scratch.path("two.h5:/g/b").c_str()));
  PETSC_OK(WriteMatrix(sample(5, 5), scratch.path("two.h5:/g/A").c_str()));
  same(scratch.path("two.h5:/g/b"));
  same(scratch.path("two.h5")); // the only vector; the matrix is none
  CHECK_ALL(gather(read(scratch.path("two.h5"))) == gather(sample(5, 5)));
  const Caught caught =
      catch_error([&] { return WriteVector(x, scratch.path("two.h5:/g/b").c_str()); });
  CHECK_ALL(caught.message.find("already has an object /g/b") != std::string::npos);
  Vec none = nullptr;
  const Caught wide = catch_error([&] {
    return ReadVector(PETSC_COMM_WORLD, scratch.path("two.h5:/g/A").c_str(), &none, nullptr);
  });
  CHECK_ALL(wide.message.find("5 x 5") != std::string::npos);
}

TEST_CASE("Files: sparse groups of scipy, AnnData, 10x, MATLAB and PETSc") {
  const Scratch scratch;
  const std::string file = make(scratch, "s.h5", [&](hid_t f) {
    const auto sparse = [&](const char *name, bool rows, const char *p, const char *i) {
      Group g = group(f, name);
      put(g, p, rows ? row_pointers : col_pointers);
      put(g, i, rows ? row_indices : col_indices);
      put(g, "data", rows ? row_values : col_values);
      return g;
    };
    const Group scipy = sparse("scipy", true, "indptr", "indices");
    mark(scipy, "shape", {2, 3});
    mark(scipy, "format", "csr", true);
    const Group anndata = sparse("anndata", false, "indptr", "indices");
    mark(anndata, "shape", {2, 3});
    mark(anndata, "encoding-type", "csc_matrix", true);
    const Group tenx = sparse("tenx", false, "indptr", "indices");
    put(tenx, "shape", std::vector<int>{2, 3});
    const Group matlab = sparse("matlab", false, "jc", "ir");
    mark(matlab, "MATLAB_sparse", {2});
    mark(matlab, "MATLAB_class", "double", false);
    const Group petsc = sparse("petsc", true, "jc", "ir");
    mark(petsc, "MATLAB_sparse", {3});
    const Group unsorted = group(f, "unsorted");
    put(unsorted, "indptr", std::vector<int>{0, 3, 4});
    put(unsorted, "indices", std::vector<int>{2, 0, 2, 2});
    const std::vector<float> values{0.5F, 1.5F, 1.5F, -3.0F};
    put(unsorted, "data", H5T_NATIVE_FLOAT, {4}, values.data());
    mark(unsorted, "shape", {2, 3});
  });
  MatrixInfo info;
  for (const char *name : {"scipy", "anndata", "tenx", "matlab", "petsc", "unsorted"}) {
    CAPTURE(name);
    CHECK_ALL(gather(read(file + ":/" + name, &info)) == small());
    CHECK_ALL(info.rows == 2);
    CHECK_ALL(info.cols == 3);
  }
  CHECK_ALL(info.stored == 4);
  says(file, "6 candidates");
}

TEST_CASE("Files: dense datasets in row and column order, converted types") {
  const Scratch scratch;
  const std::vector<double> row_major{1, 2, 3, 4, 5, 6};
  const std::vector<short> shorts{1, 2, 3, 4, 5, 6};
  const std::vector<float> floats{1, 2, 3, 4, 5, 6};
  const std::vector<double> transposed{1, 4, 2, 5, 3, 6};
  const std::string file = make(scratch, "d.h5", [&](hid_t f) {
    put(f, "h5py", H5T_NATIVE_DOUBLE, {2, 3}, row_major.data());
    put(f, "shorts", H5T_NATIVE_SHORT, {2, 3}, shorts.data());
    put(f, "floats", H5T_NATIVE_FLOAT, {2, 3}, floats.data());
    put(f, "matlab", H5T_NATIVE_DOUBLE, {3, 2}, transposed.data());
    const Dataset matlab(H5Dopen2(f, "matlab", H5P_DEFAULT));
    mark(matlab, "MATLAB_class", "double", false);
    put(f, "fortran", H5T_NATIVE_DOUBLE, {3, 2}, transposed.data());
    const Dataset fortran(H5Dopen2(f, "fortran", H5P_DEFAULT));
    mark(fortran, "layout", "column_major", true);
  });
  const Triplets want =
      expected({{1, 1, 1.0}, {1, 2, 2.0}, {1, 3, 3.0}, {2, 1, 4.0}, {2, 2, 5.0}, {2, 3, 6.0}});
  for (const char *name : {"h5py", "shorts", "floats", "matlab", "fortran"}) {
    CAPTURE(name);
    MatrixInfo info;
    CHECK_ALL(gather(read(file + ":/" + name, &info)) == want);
    CHECK_ALL(info.dense);
  }
}

TEST_CASE("Files: complex HDF5 data") {
  const Scratch scratch;
  const std::vector<double> pairs{1, -1, 2, -2};
  const std::string file = make(scratch, "c.h5", [&](hid_t f) {
    const Datatype type(H5Tcreate(H5T_COMPOUND, 16));
    H5Tinsert(type, "r", 0, H5T_NATIVE_DOUBLE);
    H5Tinsert(type, "i", 8, H5T_NATIVE_DOUBLE);
    put(f, "h5py", type, {1, 2}, pairs.data());
    put(f, "petsc", H5T_NATIVE_DOUBLE, {1, 2, 2}, pairs.data());
    const Dataset d(H5Dopen2(f, "petsc", H5P_DEFAULT));
    mark(d, "complex", {1});
  });
  for (const char *name : {"h5py", "petsc"}) {
#if defined(PETSC_USE_COMPLEX)
    CHECK_ALL(gather(read(file + ":/" + name)) ==
              expected({{1, 1, PetscCMPLX(1, -1)}, {1, 2, PetscCMPLX(2, -2)}}));
#else
    says(file + ":/" + name, "is complex and cannot be read");
#endif
  }
}

TEST_CASE("Files: HDF5 refusals name dataset, index, value and range") {
  const Scratch scratch;
  const auto csr = [](hid_t f, const char *name, std::vector<int> p, std::vector<int> i,
                      std::vector<double> v, std::vector<long long> shape = {2, 3}) {
    const Group g = group(f, name);
    put(g, "indptr", p);
    put(g, "indices", i);
    put(g, "data", v);
    if (!shape.empty())
      mark(g, "shape", shape);
    mark(g, "format", "csr", true);
  };
  const std::string file = make(scratch, "bad.h5", [&](hid_t f) {
    csr(f, "first", {1, 2, 3}, {0, 2, 2}, {1, 2, 3});
    csr(f, "last", {0, 2, 2}, {0, 2, 2}, {1, 2, 3});
    csr(f, "falls", {0, 3, 2}, {0, 2, 2}, {1, 2, 3});
    csr(f, "beyond", {0, 2, 9}, {0, 2, 2}, {1, 2, 3});
    csr(f, "column", {0, 2, 3}, {0, 3, 2}, {1, 2, 3});
    csr(f, "negative", {0, 2, 3}, {0, 2, -1}, {1, 2, 3});
    csr(f, "nan", {0, 2, 3}, {0, 2, 2}, {1, 2, NAN});
    csr(f, "lengths", {0, 2, 3}, {0, 2, 2, 1}, {1, 2, 3});
    csr(f, "rows", {0, 2, 3, 3}, {0, 2, 2}, {1, 2, 3});
    csr(f, "noshape", {0, 2, 3}, {0, 2, 2}, {1, 2, 3}, {});
    csr(f, "huge", {0, 2, 3}, {0, 2, 2}, {1, 2, 3}, {2, 4000000000000});
    csr(f, "fractions", {0, 2, 3}, {0, 2, 2}, {1, 2, 3});
    const Group fractions(H5Gopen2(f, "fractions", H5P_DEFAULT));
    H5Ldelete(fractions, "indices", H5P_DEFAULT);
    put(fractions, "indices", std::vector<double>{0, 2, 2});
    const std::vector<double> cube(8, 1.0), infinite{1, 2, 3, INFINITY};
    put(f, "cube", H5T_NATIVE_DOUBLE, {2, 2, 2}, cube.data());
    put(f, "infinite", H5T_NATIVE_DOUBLE, {2, 2}, infinite.data());
    group(f, "empty");
    const Datatype text(H5Tcopy(H5T_C_S1));
    put(f, "text", text, {1, 1}, "x");
    // 10^15 values, none of them stored
    const std::vector<hsize_t> shape{100000000, 10000000}, chunk{1, 1000};
    const Dataspace space(H5Screate_simple(2, shape.data(), nullptr));
    const PropertyList chunked(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_chunk(chunked, 2, chunk.data());
    const Dataset d(H5Dcreate2(f, "sparse_on_disk", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, chunked,
                               H5P_DEFAULT));
  });
  says(file + ":/first", "/first/indptr[0] = 1: the first must be 0");
  says(file + ":/last", "/last/indptr[2] = 2: the last must be the number of entries, 3");
  says(file + ":/falls", "/falls/indptr[2] = 2: smaller than the one before");
  says(file + ":/beyond", "/beyond/indptr[2] = 9: outside 0..3");
  says(file + ":/column", "/column/indices[1] = 3: outside 0..2");
  says(file + ":/negative", "/negative/indices[2] = -1: outside 0..2");
  says(file + ":/nan", "/nan/data[2]: is nan");
  says(file + ":/lengths", "/lengths/indices: has 4 entries, data has 3");
  says(file + ":/rows", "/rows: indptr has 4 entries");
  says(file + ":/noshape", "/noshape: has no attribute or dataset shape");
  says(file + ":/huge", "corrupted");
  says(file + ":/fractions", "/fractions/indices: indices must be integers");
  says(file + ":/cube", "/cube: a matrix has two dimensions, this has 3");
  says(file + ":/infinite", "/infinite[1, 1]: is inf");
  says(file + ":/empty", "/empty: is a group without");
  says(file + ":/text", "/text: holds strings");
  says(file + ":/sparse_on_disk", "claims 8e+15 bytes");
  says(file + ":/nothing", "has no object /nothing");
  says(scratch.path("missing.h5"), "no such file");
  says(scratch.write("x.txt", "a,b\n1,2\n"), "unknown content");
  says(scratch.write("empty.mtx", ""), "is empty");
  says(scratch.write("five.mat", "MATLAB 5.0 MAT-file, Platform"), "-v7.3");
  says(scratch.write("cut.h5", std::string("\x89HDF\r\n\x1a\n", 8) + "rest"), "is damaged");
  says(scratch.write("m.mtx", "%%MatrixMarket matrix array real general\n1 1\n1\n") + ":/A",
       "only HDF5 files");
  const Caught caught = catch_error([&] { return WriteMatrix(sample(2, 2), "a.csv"); });
  CHECK_ALL(caught.message.find("must end in .mtx") != std::string::npos);
}

namespace {

void big_endian(std::string *out, std::uint64_t x, int bytes) {
  for (int b = bytes - 1; b >= 0; --b)
    *out += static_cast<char>(x >> (8 * b));
}
std::uint64_t word(double x) {
  std::uint64_t w = 0;
  std::memcpy(&w, &x, 8);
  return w;
}

// The small matrix as a build of PETSc with these sizes writes it.
std::string binary(int int_bytes, int value_bytes, const std::vector<int> &lengths = {2, 1},
                   const std::vector<int> &columns = {0, 2, 2}, int stored = 3) {
  std::string s;
  for (const int x : {1211216, 2, 3, stored})
    big_endian(&s, static_cast<std::uint64_t>(static_cast<std::int64_t>(x)), int_bytes);
  for (const int x : lengths)
    big_endian(&s, static_cast<std::uint64_t>(static_cast<std::int64_t>(x)), int_bytes);
  for (const int x : columns)
    big_endian(&s, static_cast<std::uint64_t>(static_cast<std::int64_t>(x)), int_bytes);
  for (const double v : row_values) {
    if (value_bytes == 4) {
      const auto f = static_cast<float>(v);
      std::uint32_t w = 0;
      std::memcpy(&w, &f, 4);
      big_endian(&s, w, 4);
      continue;
    }
    big_endian(&s, word(v), 8);
    if (value_bytes == 16)
      big_endian(&s, word(0.5), 8);
  }
  return s;
}

} // namespace

TEST_CASE("Files: PETSc binary files of every build, and refusals") {
  const Scratch scratch;
  for (const int ints : {4, 8})
    for (const int values : {4, 8}) {
      CAPTURE(ints, values);
      MatrixInfo info;
      CHECK_ALL(gather(read(scratch.write("a.bin", binary(ints, values)), &info)) == small());
      CHECK_ALL(info.format == "PETSc binary Mat");
      // a second object behind the first: the right-hand side of a system
      std::string vec;
      big_endian(&vec, 1211214, ints);
      big_endian(&vec, 0, ints);
      CHECK_ALL(gather(read(scratch.write("b.bin", binary(ints, values) + vec))) == small());
      MPI_Barrier(PETSC_COMM_WORLD);
    }
#if defined(PETSC_USE_COMPLEX)
  CHECK_ALL(
      gather(read(scratch.write("c.bin", binary(4, 16)))) ==
      expected(
          {{1, 1, PetscCMPLX(1.5, 0.5)}, {1, 3, PetscCMPLX(2, 0.5)}, {2, 3, PetscCMPLX(-3, 0.5)}}));
#else
  says(scratch.write("c.bin", binary(4, 16)), "complex build");
#endif
  says(scratch.write("1.bin", binary(4, 8, {1, 1})), "the row lengths sum to 2");
  says(scratch.write("2.bin", binary(4, 8, {-1, 4})), "row 0 (from 0) has length -1");
  says(scratch.write("3.bin", binary(4, 8, {2, 1}, {0, 2, 3})), "column index 3 of entry 2");
  says(scratch.write("4.bin", binary(4, 8).substr(0, 50)), "truncated or damaged");
  says(scratch.write("5.bin", binary(4, 8, {2, 1}, {0, 2, 2}, 2000000000)), "impossible in");
  says(scratch.write("6.bin", binary(4, 8).substr(0, 12)), "ends too early");
  std::string nan = binary(4, 8);
  nan.replace(nan.size() - 8, 8, "\x7f\xf8\0\0\0\0\0\0", 8);
  says(scratch.write("7.bin", nan), "value 2 (from 0) is nan");
}

TEST_CASE("Files: symmetric and block types are written in full") {
  const Scratch scratch;
  const MatHandle A = read(scratch.write(
      "s.mtx", "%%MatrixMarket matrix coordinate real symmetric\n4 4 3\n1 1 1\n3 1 2\n4 4 3\n"));
  MatHandle S;
  PETSC_OK(MatSetOption(A, MAT_SYMMETRIC, PETSC_TRUE));
  PETSC_OK(MatConvert(A, MATSBAIJ, MAT_INITIAL_MATRIX, S.out()));
  PETSC_OK(WriteMatrix(S, scratch.path("o.mtx").c_str()));
  CHECK_ALL(gather(read(scratch.path("o.mtx"))) ==
            expected({{1, 1, 1.0}, {3, 1, 2.0}, {1, 3, 2.0}, {4, 4, 3.0}}));
}

TEST_CASE("Files: names with colons, and empty matrices in HDF5") {
  const Scratch scratch;
  const std::string text = "%%MatrixMarket matrix coordinate real general\n3 2 1\n1 2 1\n";
  CHECK_ALL(gather(read(scratch.write("a:b.mtx", text))) == expected({{1, 2, 1.0}}));
  const MatHandle E =
      read(scratch.write("e.mtx", "%%MatrixMarket matrix coordinate real general\n3 2 0\n"));
  for (const char *name : {"e.h5", "e.petsc"}) {
    PETSC_OK(WriteMatrix(E, scratch.path(name).c_str()));
    CHECK_ALL(gather(read(scratch.path(name))).empty());
  }
}
