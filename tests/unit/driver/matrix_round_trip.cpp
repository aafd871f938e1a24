// SPDX-License-Identifier: BSD-2-Clause
// Every Matrix Market header, with either line ending, plain and compressed, through every format
// and back: the same bits.
#include "unit/driver/fixture.h"

using namespace lathe;
using namespace lathe::test;

namespace {

constexpr bool complex_build = PetscDefined(USE_COMPLEX);

// A 4 x 4 matrix under that header, or "" where the standard has no such matrix.
std::string matrix_market(const std::string &format, const std::string &field,
                          const std::string &symmetry) {
  const bool complex = field == "complex", array = format == "array";
  if ((symmetry == "hermitian" && !complex) ||
      (field == "pattern" && (array || symmetry[1] == 'k')))
    return {};
  std::string entries;
  int count = 0;
  for (int j = 1; j <= 4; ++j)
    for (int i = 1; i <= 4; ++i) {
      const bool lower = symmetry[1] == 'k' ? i > j : symmetry == "general" || i >= j;
      if (!lower || (!array && (i + 2 * j) % 3 == 0)) // coordinate files leave some out
        continue;
      ++count;
      if (!array)
        entries += std::to_string(i) + " " + std::to_string(j);
      const std::string blank = array ? "" : " ";
      if (field == "integer")
        entries += blank + std::to_string(i - 2 * j);
      if (field == "real" || complex)
        entries +=
            blank + std::to_string(i) + "." + std::to_string(j) + "e-" + std::to_string(9 * i);
      if (complex)
        entries += symmetry == "hermitian" && i == j ? " 0" : " -0." + std::to_string(10 * i + j);
      entries += "\n";
    }
  return "%%MatrixMarket matrix " + format + " " + field + " " + symmetry + "\n% a comment\n4 4" +
         (array ? "" : " " + std::to_string(count)) + "\n" + entries;
}

std::string with_carriage_returns(const std::string &text) {
  std::string out;
  for (const char c : text)
    out += c == '\n' ? "\r\n" : std::string(1, c);
  return out;
}

} // namespace

TEST_CASE("Round trips: every Matrix Market header through every format") {
  const Scratch scratch;
  int variants = 0;
  for (const std::string format : {"coordinate", "array"})
    for (const std::string field : {"real", "integer", "complex", "pattern"})
      for (const std::string symmetry : {"general", "symmetric", "skew-symmetric", "hermitian"}) {
        const std::string text = matrix_market(format, field, symmetry);
        if (text.empty() || (field == "complex" && !complex_build))
          continue;
        INFO(format << " " << field << " " << symmetry);
        ++variants;
        MatHandle A;
        const std::string source = scratch.write("a.mtx", text);
        PETSC_OK(driver::ReadMatrix(PETSC_COMM_WORLD, source.c_str(), A.out(), nullptr));
        const Triplets wanted = gather(A);
        CHECK_ALL(wanted.size() >= 4);
        const auto same = [&](const std::string &file) {
          INFO(file);
          MatHandle B;
          PETSC_OK(driver::ReadMatrix(PETSC_COMM_WORLD, file.c_str(), B.out(), nullptr));
          CHECK_ALL(gather(B) == wanted);
        };
        same(scratch.write("crlf.mtx", with_carriage_returns(text)));
        same(scratch.write("crlf.mtx.gz", with_carriage_returns(text)));
        for (const char *name : {"b.mtx", "b.mtx.gz", "b.h5", "b.petsc"}) {
          const std::string file = scratch.path(name);
          PETSC_OK(driver::WriteMatrix(A, file.c_str()));
          same(file);
        }
      }
  CHECK(variants == (complex_build ? 22 : 14));
}
