// SPDX-License-Identifier: BSD-2-Clause
#include "library_build.h"
#include "lathe.h"
#include <slepcsys.h>
#include <array>
#include <cstdlib>
#include <cstring>

namespace lathe {

namespace {

const char *precision_name(PetscDataType real) noexcept {
  switch (real) {
  case PETSC_DOUBLE:
    return "double";
  case PETSC_FLOAT:
    return "single";
  case PETSC___FLOAT128:
    return "quadruple";
  default:
    return "unknown-precision";
  }
}

// The first "digits.digits" of a version text: "PETSc Release Version 3.18.5, Jan 30, 2023". The
// functions that return numbers take PetscInt *, whose width is what is being found out.
void parse_version(const char *text, int &major, int &minor) noexcept {
  major = minor = 0;
  for (const char *c = std::strpbrk(text, "0123456789"); c != nullptr;
       c = std::strpbrk(c, "0123456789")) {
    char *end = nullptr;
    const long first = std::strtol(c, &end, 10);
    if (end[0] == '.' && end[1] >= '0' && end[1] <= '9') {
      major = static_cast<int>(first);
      minor = static_cast<int>(std::strtol(end + 1, nullptr, 10));
      return;
    }
    c = end;
  }
}

} // namespace

LibraryBuild compiled_build() noexcept {
  LibraryBuild build;
  build.complex = PetscDefined(USE_COMPLEX);
  build.real = PETSC_REAL;
  build.index_bits = 8 * static_cast<int>(sizeof(PetscInt));
  build.petsc_major = PETSC_VERSION_MAJOR;
  build.petsc_minor = PETSC_VERSION_MINOR;
  build.slepc_major = SLEPC_VERSION_MAJOR;
  build.slepc_minor = SLEPC_VERSION_MINOR;
  return build;
}

PetscErrorCode GetRunningBuild(LibraryBuild *running) {
  PetscDataType scalar = PETSC_DATATYPE_UNKNOWN;
  PetscBool found = PETSC_FALSE;
  std::size_t index_bytes = 0;
  std::array<char, 256> version{};

  PetscFunctionBegin;
  PetscCall(PetscDataTypeFromString("scalar", &scalar, &found)); // the library's own PETSC_SCALAR
  PetscCall(PetscDataTypeFromString("real", &running->real, &found));
  PetscCall(PetscDataTypeGetSize(PETSC_INT, &index_bytes));
  running->complex = scalar == PETSC_COMPLEX;
  running->index_bits = 8 * static_cast<int>(index_bytes);
  PetscCall(PetscGetVersion(version.data(), version.size()));
  parse_version(version.data(), running->petsc_major, running->petsc_minor);
  PetscCall(SlepcGetVersion(version.data(), version.size()));
  parse_version(version.data(), running->slepc_major, running->slepc_minor);
  PetscFunctionReturn(PETSC_SUCCESS);
}

std::string describe(const LibraryBuild &build) {
  const auto version = [](int major, int minor) {
    return std::to_string(major) + "." + std::to_string(minor);
  };
  return "PETSc " + version(build.petsc_major, build.petsc_minor) + " (" +
         (build.complex ? "complex " : "real ") + precision_name(build.real) + " scalars, " +
         std::to_string(build.index_bits) + "-bit indices) and SLEPc " +
         version(build.slepc_major, build.slepc_minor);
}

PetscErrorCode CheckBuild(const LibraryBuild &compiled, const LibraryBuild &running) {
  PetscFunctionBegin;
  PetscCheck(compiled == running, PETSC_COMM_SELF, PETSC_ERR_ARG_INCOMP,
             "This liblathe was built for %s, but the program runs %s. Load the liblathe of that "
             "build (configure lathe with -DPETSC_DIR=... -DSLEPC_DIR=..., or its presets complex "
             "and int64)",
             describe(compiled).c_str(), describe(running).c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe

const char *LatheGetVersion(void) {
  return LATHE_VERSION;
}

const char *LatheGetBuildInfo(void) {
  static const std::string info =
      std::string("lathe " LATHE_VERSION ", " LATHE_COMPILER ", flags ") + LATHE_FLAGS ", " +
      lathe::describe(lathe::compiled_build());
  return info.c_str();
}
