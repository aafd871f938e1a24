// SPDX-License-Identifier: BSD-2-Clause
// Values of finished cases that are too many for a record: <out>.ckpt.rows beside the checkpoint,
// each rank's at their place in the whole, so that any number of ranks finds them again. The record
// holds a checksum; what does not fit is computed again.
#pragma once
#include "core/petsc_compat.h"
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace lathe::driver {

class KeptRows {
public:
  KeptRows() = default;
  KeptRows(const KeptRows &) = delete;
  KeptRows &operator=(const KeptRows &) = delete;
  ~KeptRows();

  void configure(std::string path) { path_ = std::move(path); }
  /// Not collective; ranks may write different places at the same time.
  PetscErrorCode Write(std::int64_t place, std::span<const double> values);
  /// Zeros where not all of the values are there.
  PetscErrorCode Read(std::int64_t place, std::span<double> values);

  /// A sum over values at their places that does not depend on their order; add up those of all
  /// ranks modulo 2^64.
  static std::uint64_t checksum(std::int64_t place, std::span<const double> values);

private:
  PetscErrorCode Open();
  std::string path_;
  int file_ = -1;
};

} // namespace lathe::driver
