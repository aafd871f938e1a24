// SPDX-License-Identifier: BSD-2-Clause
#include "core/random.h"
#include "driver/matrix_market.h"
#include "unit/driver/fixture.h"
#include <cfloat>
#include <cmath>

using namespace lathe;
using namespace lathe::test;
using driver::MatrixInfo;
using driver::ReadMatrixMarket;
using driver::WriteMatrixMarket;

namespace {

const Scratch &scratch() {
  static const Scratch *one = new Scratch; // removed by the last case
  return *one;
}

MatHandle read(const std::string &text, MatrixInfo *info = nullptr, std::size_t part = 1 << 24,
               const char *name = "a.mtx") {
  MatHandle A;
  const std::string file = scratch().write(name, text);
  PETSC_OK(ReadMatrixMarket(PETSC_COMM_WORLD, file, A.out(), info, part));
  MPI_Barrier(PETSC_COMM_WORLD); // the next case may rewrite the file
  return A;
}

std::string refusal(const std::string &text, const char *name = "bad.mtx",
                    std::size_t part = 1 << 24) {
  const std::string file = scratch().write(name, text);
  Mat A = nullptr;
  const Caught caught =
      catch_error([&] { return ReadMatrixMarket(PETSC_COMM_WORLD, file, &A, nullptr, part); });
  CHECK_ALL(caught.code != PETSC_SUCCESS);
  CHECK_ALL(A == nullptr);
  const std::size_t at = caught.message.find("bad");
  return at == std::string::npos ? caught.message : caught.message.substr(at);
}

bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

const std::string general = "%%MatrixMarket matrix coordinate real general\n";

} // namespace

TEST_CASE("Matrix Market: coordinate files of every symmetry") {
  MatrixInfo info;
  CHECK_ALL(gather(read(general + "2 3 3\n1 1 1.5\n2 3 -2\n1 2 1e-3\n", &info)) ==
            expected({{1, 1, 1.5}, {2, 3, -2.0}, {1, 2, 1e-3}}));
  CHECK_ALL(info.rows == 2);
  CHECK_ALL(info.cols == 3);
  CHECK_ALL(info.stored == 3);
  CHECK_ALL(info.field == "real");
  CHECK_ALL(info.symmetry == "general");
  CHECK_ALL(!info.dense);
  CHECK_ALL(gather(read("%%matrixmarket MATRIX Coordinate REAL Symmetric\n3 3 3\n1 1 4\n3 1 5\n"
                        "3 3 6\n")) ==
            expected({{1, 1, 4.0}, {3, 1, 5.0}, {1, 3, 5.0}, {3, 3, 6.0}}));
  CHECK_ALL(gather(read("%%MatrixMarket matrix coordinate integer skew-symmetric\n3 3 2\n2 1 7\n"
                        "3 2 -1\n")) ==
            expected({{2, 1, 7.0}, {1, 2, -7.0}, {3, 2, -1.0}, {2, 3, 1.0}}));
  CHECK_ALL(gather(read("%%MatrixMarket matrix coordinate pattern symmetric\n2 2 2\n1 1\n2 1\n")) ==
            expected({{1, 1, 1.0}, {2, 1, 1.0}, {1, 2, 1.0}}));
}

TEST_CASE("Matrix Market: comments, blank lines, blanks, CRLF, signs, Fortran exponents") {
  const std::string text = "%%MatrixMarket  matrix\tcoordinate real general \r\n% a comment\r\n\r\n"
                           "%\n   3   3\t 5  \r\n\n% in the body\n  1 1 +2.5D+01  \r\n\r\n"
                           "2\t2\t.5\n3 3 7.\n1 3 -1d-2\n3 1 +4";
  const Triplets want =
      expected({{1, 1, 25.0}, {2, 2, 0.5}, {3, 3, 7.0}, {1, 3, -0.01}, {3, 1, 4.0}});
  for (const std::size_t part : {1U, 2U, 3U, 5U, 8U, 13U, 64U, 1U << 20}) {
    CAPTURE(part);
    CHECK_ALL(gather(read(text, nullptr, part)) == want);
    CHECK_ALL(gather(read(text, nullptr, part, "a.mtx.gz")) == want);
  }
}

TEST_CASE("Matrix Market: array files run down columns") {
  MatrixInfo info;
  const MatHandle A =
      read("%%MatrixMarket matrix array real general\n2 3\n1\n2\n3\n4\n5\n6\n", &info);
  PetscBool dense = PETSC_FALSE;
  PetscObjectTypeCompareAny(reinterpret_cast<PetscObject>(A.get()), &dense, MATSEQDENSE,
                            MATMPIDENSE, "");
  CHECK_ALL(dense == PETSC_TRUE);
  CHECK_ALL(info.dense);
  CHECK_ALL(
      gather(A) ==
      expected({{1, 1, 1.0}, {2, 1, 2.0}, {1, 2, 3.0}, {2, 2, 4.0}, {1, 3, 5.0}, {2, 3, 6.0}}));
  const Triplets symmetric = expected({{1, 1, 1.0},
                                       {2, 1, 2.0},
                                       {3, 1, 3.0},
                                       {1, 2, 2.0},
                                       {2, 2, 4.0},
                                       {3, 2, 5.0},
                                       {1, 3, 3.0},
                                       {2, 3, 5.0},
                                       {3, 3, 6.0}});
  const Triplets skew = expected({{1, 1, 0.0},
                                  {2, 1, 2.0},
                                  {3, 1, 3.0},
                                  {1, 2, -2.0},
                                  {2, 2, 0.0},
                                  {3, 2, 5.0},
                                  {1, 3, -3.0},
                                  {2, 3, -5.0},
                                  {3, 3, 0.0}});
  for (const std::size_t part : {1U, 3U, 4U, 100U}) {
    CHECK_ALL(gather(read("%%MatrixMarket matrix array real symmetric\n3 3\n1\n2\n3\n4\n5\n6\n",
                          nullptr, part)) == symmetric);
    CHECK_ALL(gather(read("%%MatrixMarket matrix array real skew-symmetric\n3 3\n2\n3\n5\n",
                          nullptr, part)) == skew);
  }
}

TEST_CASE("Matrix Market: complex files need a complex build, real ones are promoted") {
  const std::string text = "%%MatrixMarket matrix coordinate complex hermitian\n2 2 3\n1 1 2 0\n"
                           "2 1 1 -3\n2 2 5 0\n";
#if defined(PETSC_USE_COMPLEX)
  CHECK_ALL(
      gather(read(text)) ==
      expected({{1, 1, 2.0}, {2, 1, PetscCMPLX(1, -3)}, {1, 2, PetscCMPLX(1, 3)}, {2, 2, 5.0}}));
  CHECK_ALL(
      contains(refusal("%%MatrixMarket matrix coordinate complex hermitian\n1 1 1\n1 1 2 1\n"),
               "bad.mtx:3:"));
  CHECK_ALL(contains(refusal("%%MatrixMarket matrix array complex hermitian\n2 2\n1 0\n1 1\n\n2 "
                             "1\n"),
                     "bad.mtx:6:1: the diagonal of a hermitian matrix is real"));
#else
  const std::string message = refusal(text);
  CHECK_ALL(contains(message, "field complex"));
  CHECK_ALL(contains(message, "real scalars"));
#endif
}

TEST_CASE("Matrix Market: duplicates are summed in file order on any number of ranks") {
  // (1 + 2^-53) + 2^-53 = 1 but 1 + (2^-53 + 2^-53) > 1: the order shows.
  std::string text = general + "4 4 9\n";
  for (const char *line :
       {"1 1 1\n", "4 4 1.1102230246251565e-16\n", "1 1 1.1102230246251565e-16\n", "2 3 8\n",
        "4 4 1.1102230246251565e-16\n", "1 1 1.1102230246251565e-16\n", "4 4 1\n", "4 1 3\n",
        "4 1 -3\n"})
    text += line;
  const Triplets want = expected({{1, 1, 1.0}, {2, 3, 8.0}, {4, 4, 1 + DBL_EPSILON}, {4, 1, 0.0}});
  for (const std::size_t part : {1U, 7U, 40U, 1U << 20})
    CHECK_ALL(gather(read(text, nullptr, part)) == want);
  CHECK_ALL(contains(refusal(general + "1 1 2\n1 1 1e308\n1 1 1e308\n"), "row 1, column 1"));
}

TEST_CASE("Matrix Market: empty matrices, and more ranks than rows") {
  CHECK_ALL(gather(read(general + "5 4 0\n")).empty());
  CHECK_ALL(gather(read(general + "0 0 0\n")).empty());
  CHECK_ALL(gather(read(general + "0 3 0")).empty());
  CHECK_ALL(gather(read(general + "1 1 1\n1 1 3\n", nullptr, 2)) == expected({{1, 1, 3.0}}));
  const MatHandle A = read("%%MatrixMarket matrix array real general\n0 3\n");
  PetscInt M = -1, N = -1;
  MatGetSize(A, &M, &N);
  CHECK_ALL(M == 0);
  CHECK_ALL(N == 3);
}

TEST_CASE("Matrix Market: number syntax at the edges of double") {
  const MatHandle A = read(general + "9 1 9\n1 1 4.9406564584124654e-324\n2 1 -0.0\n"
                                     "3 1 1.7976931348623157e308\n4 1 1e-400\n5 1 -1e-99999999999\n"
                                     "6 1 2.4703282292062327e-324\n7 1 9007199254740993\n"
                                     "8 1 0.1\n9 1 2.2250738585072011e-308\n");
  CHECK_ALL(gather(A) == expected({{1, 1, 4.9406564584124654e-324},
                                   {2, 1, -0.0},
                                   {3, 1, DBL_MAX},
                                   {4, 1, 0.0},
                                   {5, 1, -0.0},
                                   {6, 1, 0.0},
                                   {7, 1, 9007199254740992.0},
                                   {8, 1, 0.1},
                                   {9, 1, 2.2250738585072011e-308}}));
}

TEST_CASE("Matrix Market: every refusal names line, column, value and range") {
  const auto says = [&](const std::string &text, const std::string &where,
                        const std::string &what) {
    for (const std::size_t part : {std::size_t{1} << 24, std::size_t{6}}) {
      const std::string message = refusal(text, "bad.mtx", part);
      CAPTURE(text, message, where, what);
      CHECK_ALL(contains(message, where));
      CHECK_ALL(contains(message, what));
    }
  };
  says("", "bad.mtx", "empty");
  says("hello\n", "bad.mtx:1:", "%%MatrixMarket");
  says("%%MatrixMarket vector coordinate real general\n1 1 0\n", ":1:", "'vector'");
  says("%%MatrixMarket matrix sparse real general\n1 1 0\n", ":1:", "coordinate or array");
  says("%%MatrixMarket matrix coordinate quaternion general\n1 1 0\n", ":1:", "'quaternion'");
  says("%%MatrixMarket matrix coordinate real triangular\n1 1 0\n", ":1:", "'triangular'");
  says("%%MatrixMarket matrix array pattern general\n1 1\n", ":1:", "pattern");
  says("%%MatrixMarket matrix coordinate pattern skew-symmetric\n1 1 0\n", ":1:", "pattern");
  says("%%MatrixMarket matrix coordinate real hermitian\n1 1 0\n", ":1:", "complex");
  says(general, "bad.mtx:1", "before the size line");
  says(general + "% only\n\n", "bad.mtx:3", "before the size line");
  says(general + "2 2\n", "bad.mtx:2:", "number of entries");
  says(general + "2 2 1 1\n1 1 1\n", "bad.mtx:2:7", "3 numbers");
  says(general + "-2 2 1\n1 1 1\n", "bad.mtx:2:1", "-2");
  says(general + "2 x 1\n1 1 1\n", "bad.mtx:2:3", "'x'");
  says(general + "99999999999999999999 2 1\n1 1 1\n", "bad.mtx:2:1", "64 bits");
  says("%%MatrixMarket matrix array real general\n9000000000000000000 9000000000000000000\n1\n",
       "bad.mtx:2", "64 bits");
  says("%%MatrixMarket matrix coordinate real symmetric\n2 3 1\n1 1 1\n", "bad.mtx:2", "2 x 3");
  says(general + "2 2 1000000\n1 1 1\n", "bad.mtx:2:1", "1000000 entries");
  says(general + "2000000000 2 1\n1 1 1\n", "bad.mtx:2:1", "corrupted");
  says(general + "2 2 1\n0 1 1\n", "bad.mtx:3:1", "row index 0 is outside 1..2");
  says(general + "2 2 2\n1 1 1\n  2 3 1\n", "bad.mtx:4:5", "column index 3 is outside 1..2");
  says(general + "2 2 1\n1 -1 1\n", "bad.mtx:3:3", "-1 is outside 1..2");
  says(general + "2 2 1\n1.0 1 1\n", "bad.mtx:3:1", "'1.0'");
  says(general + "2 2 1\n1 1\n      \n", "bad.mtx:3:4", "end of the line");
  says(general + "2 2 1\n1 1 1 1\n", "bad.mtx:3:7", "goes on with '1'");
  says(general + "2 2 1\n1 1 nan\n", "bad.mtx:3:5", "'nan'");
  says(general + "2 2 1\n1 1 -Inf\n", "bad.mtx:3:5", "'-Inf'");
  says(general + "2 2 1\n1 1 1e999\n", "bad.mtx:3:5", "outside the range of double");
  says(general + "2 2 1\n1 1 1,5\n", "bad.mtx:3:5", "'1,5'");
  says(general + "2 2 1\n1 1 0x10\n", "bad.mtx:3:5", "'0x10'");
  says(general + "2 2 1\n1 1 +-1\n", "bad.mtx:3:5", "'+-1'");
  says("%%MatrixMarket matrix coordinate integer general\n1 1 1\n1 1 1.5\n", ":3:5", "'1.5'");
  for (const char *large : {"9007199254740993", "-9007199254740993", "9223372036854775807"})
    says(std::string("%%MatrixMarket matrix coordinate integer general\n1 1 1\n1 1 ") + large +
             "\n",
         ":3:5", large);
  says("%%MatrixMarket matrix coordinate pattern general\n1 1 1\n1 1 1.5\n", ":3:5", "'1.5'");
  says(general + "2 2 3\n1 1 1\n2 2 1      \n", "bad.mtx:4", "after 2 of the 3");
  says(general + "2 2 1\n1 1 1\n%\n\n2 2 1\n", "bad.mtx:6:1", "more entries than the 1");
  says("%%MatrixMarket matrix array real general\n2 1\n1\n2\n3\n", "bad.mtx:5:1", "more entries");
  says("%%MatrixMarket matrix coordinate real symmetric\n2 2 1\n1 2 1\n", ":3:3",
       "(1, 2) lies above the diagonal");
  says("%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 1\n2 2 1\n", ":3:3",
       "(2, 2) is on the diagonal");
}

TEST_CASE("Matrix Market: damaged gzip data and endless lines are refused") {
  const std::string file =
      scratch().write("bad.mtx.gz", general + "2 2 1\n1 1 1.25\n" + std::string(5000, '\n'));
  if (mpi_rank() == 0)
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - 9);
  MPI_Barrier(PETSC_COMM_WORLD);
  Mat A = nullptr;
  const Caught caught =
      catch_error([&] { return ReadMatrixMarket(PETSC_COMM_WORLD, file, &A, nullptr); });
  CHECK_ALL(contains(caught.message, "gzip"));
  CHECK_ALL(contains(refusal(std::string(200000, 'x')), "longer than 65536"));
  CHECK_ALL(
      contains(refusal(general + "2 2 1\n1 1 " + std::string(200000, ' ') + "1", "bad.mtx", 9),
               "longer than 65536"));
  CHECK_ALL(
      contains(refusal(general + "2 2 1\n1 1 " + std::string(200000, ' ') + "1", "bad2.mtx.gz", 9),
               "longer than 65536"));
}

TEST_CASE("Matrix Market: write and read give the same bits, and the same file on any ranks") {
  // Random bit patterns cover subnormals, huge and tiny values and both zeros.
  const PetscInt n = 97;
  std::string text = general + "97 61 3000\n";
  std::map<std::pair<int, int>, double> want;
  for (std::uint64_t k = 0; want.size() < 3000; ++k) {
    const auto w = random::words(7, 1, k);
    const std::uint64_t word = (static_cast<std::uint64_t>(w[0]) << 32) | w[1];
    double x = 0;
    std::memcpy(&x, &word, 8);
    if (k % 10 == 0)
      x = std::ldexp(x, -2000); // ±0
    if (k % 10 == 1)
      x = DBL_TRUE_MIN * static_cast<double>(w[0] >> 12);
    if (!std::isfinite(x))
      continue;
    const int i = static_cast<int>(w[2] % n), j = static_cast<int>(w[3] % 61);
    if (!want.emplace(std::make_pair(i, j), x).second)
      continue;
    char line[80];
    std::snprintf(line, sizeof line, "%d %d %.17g\n", i + 1, j + 1, x);
    text += line;
  }
  Triplets bitwise;
  for (const auto &[at, x] : want)
    bitwise[at] = bits(x);
  const MatHandle A = read(text, nullptr, 1000);
  CHECK_ALL(gather(A) == bitwise);
  for (const char *name : {"w.mtx", "w.mtx.gz"}) {
    const std::string file = scratch().path(name);
    PETSC_OK(WriteMatrixMarket(A, file));
    MatHandle B;
    PETSC_OK(ReadMatrixMarket(PETSC_COMM_WORLD, file, B.out()));
    CHECK_ALL(gather(B) == bitwise);
    CHECK_ALL(!std::filesystem::exists(file + ".part"));
  }
  // The same file as one rank alone writes.
  MatHandle alone;
  PETSC_OK(ReadMatrixMarket(PETSC_COMM_SELF, scratch().path("w.mtx"), alone.out()));
  const std::string own = scratch().path("w" + std::to_string(mpi_rank()) + ".mtx");
  PETSC_OK(WriteMatrixMarket(alone, own));
  CHECK_ALL(slurp(own) == slurp(scratch().path("w.mtx")));

  MatHandle dense;
  PETSC_OK(MatConvert(A, MATDENSE, MAT_INITIAL_MATRIX, dense.out()));
  PETSC_OK(WriteMatrixMarket(dense, scratch().path("d.mtx")));
  MatHandle D;
  PETSC_OK(ReadMatrixMarket(PETSC_COMM_WORLD, scratch().path("d.mtx"), D.out(), nullptr, 777));
  CHECK_ALL(gather(D) == gather(dense));
  const Caught caught =
      catch_error([&] { return WriteMatrixMarket(A, scratch().path("no/such/directory/w.mtx")); });
  CHECK_ALL(contains(caught.message, "cannot create"));
}

TEST_CASE("Matrix Market: the scratch directory goes") {
  delete &scratch();
}
