// SPDX-License-Identifier: BSD-2-Clause
// What -citations will print: each entry of references.bib once, and no unknown key.
#include "core/citation.h"
#include "harness/mpi_test.h"

TEST_CASE("Papers are cited by the key of references.bib", "[core]") {
  PETSC_OK(lathe::Cite("Rump2006 Collatz1942"));
  PETSC_OK(lathe::Cite("Rump2006"));
  PETSC_OK(lathe::Cite(""));
}

TEST_CASE("An unknown key is refused by name", "[core][error]") {
  const auto caught = lathe::test::catch_error([] { return lathe::Cite("Rump2006 Nobody1900"); });
  CHECK_ALL(caught.code == PETSC_ERR_ARG_WRONG);
  CHECK_ALL(caught.message.find("Nobody1900") != std::string::npos);
}
