// SPDX-License-Identifier: BSD-2-Clause
// Matrix Market files, parsed by all ranks. Use ReadMatrix and WriteMatrix of matrix_io.h unless
// the format is known to be this.
#pragma once
#include "driver/matrix_io.h"
#include <cstddef>

namespace lathe::driver {

/// ReadMatrixMarket - plain or gzip-compressed. Collective. Each rank parses `part_bytes` of every
/// slab of the file (see text_source.h); the result does not depend on it. Beyond the format's
/// definition these are accepted: blank lines and comments anywhere, blanks around numbers, CRLF, a
/// plus sign, Fortran's D exponent, 'double' for 'real', 'skew' for 'skew-symmetric'. Numbers are
/// rounded correctly (integers above 2⁵³ too); values beyond 1.8e308, NaN and Inf are refused;
/// numbers below the smallest subnormal become zero.
/// Errors: PETSC_ERR_FILE_UNEXPECTED with FILE:line:column, what was found and what is allowed.
PetscErrorCode ReadMatrixMarket(MPI_Comm comm, const std::string &file, Mat *A,
                                MatrixInfo *info = nullptr,
                                std::size_t part_bytes = std::size_t{1} << 24);

/// WriteMatrixMarket - general symmetry; coordinate, or array for dense types. Shortest decimals
/// that read back as the same bits (at most 17 digits). Rank 0 writes the file, the others format
/// their rows and send them in pieces of 4 MiB. Compressed when the name ends in .gz.
/// Byte-identical on any number of ranks. Collective.
PetscErrorCode WriteMatrixMarket(Mat A, const std::string &file);

} // namespace lathe::driver
