// SPDX-License-Identifier: BSD-2-Clause
// Files for the tests of matrix input and output.
#pragma once
#include "core/handle.h"
#include "driver/matrix_io.h"
#include "harness/mpi_test.h"
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>
#include <zlib.h>

namespace lathe::test {

/// A directory of this run, made by rank 0 and removed at the end.
class Scratch {
public:
  Scratch() {
    char path[256] = "";
    if (mpi_rank() == 0) {
      const auto dir = std::filesystem::temp_directory_path() / "lathe_test_XXXXXX";
      std::strncpy(path, dir.c_str(), sizeof path - 1);
      if (!mkdtemp(path))
        path[0] = '\0';
    }
    MPI_Bcast(path, sizeof path, MPI_CHAR, 0, PETSC_COMM_WORLD);
    path_ = path;
  }
  ~Scratch() {
    MPI_Barrier(PETSC_COMM_WORLD);
    std::error_code ignored;
    if (mpi_rank() == 0)
      std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  [[nodiscard]] std::string path(const std::string &name) const { return path_ + "/" + name; }
  /// The file, written by rank 0; collective. Names that end in .gz are compressed.
  std::string write(const std::string &name, const std::string &content) const {
    const std::string file = path(name);
    if (mpi_rank() == 0) {
      const bool gz = file.size() > 3 && file.substr(file.size() - 3) == ".gz";
      gzFile out = gzopen(file.c_str(), gz ? "wb" : "wbT");
      if (!content.empty())
        gzwrite(out, content.data(), static_cast<unsigned>(content.size()));
      gzclose(out);
    }
    MPI_Barrier(PETSC_COMM_WORLD);
    return file;
  }

private:
  std::string path_;
};

inline std::string slurp(const std::string &file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Bits of a scalar: -0.0 and 0.0 differ.
inline std::vector<std::uint64_t> bits(PetscScalar x) {
  std::vector<std::uint64_t> b(sizeof x / 8);
  std::memcpy(b.data(), &x, sizeof x);
  return b;
}

using Triplets = std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::uint64_t>>;

/// All stored entries of a matrix on every rank, by (row, column), as bits. Collective.
inline Triplets gather(Mat A) {
  PetscInt first = 0, last = 0;
  MatGetOwnershipRange(A, &first, &last);
  std::vector<std::int64_t> mine;
  for (PetscInt i = first; i < last; ++i) {
    PetscInt n = 0;
    const PetscInt *cols = nullptr;
    const PetscScalar *values = nullptr;
    MatGetRow(A, i, &n, &cols, &values);
    for (PetscInt k = 0; k < n; ++k) {
      mine.push_back(i);
      mine.push_back(cols[k]);
      for (const std::uint64_t word : bits(values[k]))
        mine.push_back(static_cast<std::int64_t>(word));
    }
    MatRestoreRow(A, i, &n, &cols, &values);
  }
  const auto ranks = static_cast<std::size_t>(mpi_size());
  std::vector<int> counts(ranks), offsets(ranks);
  const int count = static_cast<int>(mine.size());
  MPI_Allgather(&count, 1, MPI_INT, counts.data(), 1, MPI_INT, PETSC_COMM_WORLD);
  int total = 0;
  for (std::size_t r = 0; r < ranks; ++r) {
    offsets[r] = total;
    total += counts[r];
  }
  std::vector<std::int64_t> all(static_cast<std::size_t>(total));
  MPI_Allgatherv(mine.data(), count, MPI_INT64_T, all.data(), counts.data(), offsets.data(),
                 MPI_INT64_T, PETSC_COMM_WORLD);
  Triplets entries;
  const std::size_t words = sizeof(PetscScalar) / 8;
  for (std::size_t k = 0; k < all.size(); k += 2 + words) {
    std::vector<std::uint64_t> value(words);
    for (std::size_t w = 0; w < words; ++w)
      value[w] = static_cast<std::uint64_t>(all[k + 2 + w]);
    entries[{all[k], all[k + 1]}] = value;
  }
  return entries;
}

/// Expected entries, rows and columns from 1 as in the file.
inline Triplets expected(std::vector<std::tuple<int, int, PetscScalar>> list) {
  Triplets entries;
  for (const auto &[i, j, v] : list)
    entries[{i - 1, j - 1}] = bits(v);
  return entries;
}

} // namespace lathe::test
