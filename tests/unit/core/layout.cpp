// SPDX-License-Identifier: BSD-2-Clause
#include "core/handle.h"
#include "core/layout.h"
#include "harness/mpi_test.h"
#include <limits>
#include <petscvec.h>

using namespace lathe;

TEST_CASE("Layout: blocks tile 0..n-1 and block_owner inverts them, up to 2^63 - 1") {
  const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t n : {std::int64_t{0}, std::int64_t{1}, std::int64_t{7}, std::int64_t{8},
                               (std::int64_t{1} << 31) + 5, std::int64_t{1} << 62, huge - 1, huge})
    for (const int size : {1, 2, 3, 7, 64, 1000003}) {
      CAPTURE(n, size);
      std::int64_t end = 0;
      bool tiled = true, balanced = true, inverse = true;
      for (int r = 0; r<size; r += size> 1000 && r > 10 && r < size - 10 ? 997 : 1) {
        const Range range = block_range(n, size, r);
        if (r <= 10)
          tiled = tiled && range.begin == end;
        end = range.end;
        balanced = balanced && (range.size() == n / size || range.size() == n / size + 1);
        if (range.size() > 0)
          inverse = inverse && block_owner(n, size, range.begin) == r &&
                    block_owner(n, size, range.end - 1) == r && range.contains(range.begin) &&
                    !range.contains(range.end);
      }
      CHECK(tiled);
      CHECK(balanced);
      CHECK(inverse);
      CHECK(block_range(n, size, size - 1).end == n);
    }
}

TEST_CASE("Layout: the split is PETSc's") {
  for (const PetscInt n : {0, 1, 5, 1000}) {
    VecHandle v;
    PetscInt first = 0, last = 0;
    PETSC_OK(VecCreateMPI(PETSC_COMM_WORLD, PETSC_DECIDE, n, v.out()));
    PETSC_OK(VecGetOwnershipRange(v, &first, &last));
    const Range mine = block_range(n, test::mpi_size(), test::mpi_rank());
    CHECK_ALL(mine.begin == first);
    CHECK_ALL(mine.end == last);
  }
}

TEST_CASE("Handle: moves, resets and releases without a lost or doubled reference") {
  Vec raw = nullptr;
  PETSC_OK(VecCreateMPI(PETSC_COMM_WORLD, PETSC_DECIDE, 4, &raw));
  const auto references = [&] {
    PetscInt n = 0;
    PetscObjectGetReference(reinterpret_cast<PetscObject>(raw), &n);
    return n;
  };
  const auto another = [&] {
    PetscObjectReference(reinterpret_cast<PetscObject>(raw));
    return raw;
  };
  {
    VecHandle a(another());
    CHECK_ALL(references() == 2);
    VecHandle b(std::move(a));
    CHECK_ALL(references() == 2);
    CHECK_ALL(b.get() == raw);
    VecHandle c(another());
    CHECK_ALL(references() == 3);
    c = std::move(b); // drops what c had
    CHECK_ALL(references() == 2);
    VecHandle &same = c;
    c = std::move(same); // onto itself
    CHECK_ALL(c.get() == raw);
    CHECK_ALL(references() == 2);
    CHECK_ALL(*c.out() == nullptr); // for the next XCreate
    CHECK_ALL(references() == 1);
    VecHandle d(another());
    Vec released = d.release();
    CHECK_ALL(d.get() == nullptr);
    CHECK_ALL(references() == 2);
    PETSC_OK(VecDestroy(&released));
    VecHandle e(another());
    e.reset();
    e.reset();
    CHECK_ALL(references() == 1);
    const VecHandle f(another());
  }
  CHECK_ALL(references() == 1);
  PETSC_OK(VecDestroy(&raw));
}
