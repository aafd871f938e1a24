// SPDX-License-Identifier: BSD-2-Clause
// Finished cases on disk, so that a killed run continues: <out>.ckpt.h5, written by rank 0 to a
// temporary file, synced, then renamed; the generation before stays as <out>.ckpt.previous.h5. A
// file whose SHA-256 does not fit is damaged, and the previous generation is taken.
#pragma once
#include "core/petsc_compat.h"
#include "driver/record.h"
#include <map>
#include <string>
#include <vector>

namespace lathe::driver {

/// SHA-256 as 64 hexadecimal digits.
std::string sha256(const std::string &bytes);
/// Of a file's contents; "" when it cannot be read.
std::string sha256_of_file(const std::string &path);

class Checkpoint {
public:
  using Tables = std::map<std::string, std::vector<Case>>; // by case dimension
  using Facts = std::vector<std::pair<std::string, std::string>>;

  /// `output`: the result file. `facts`: inputs with their SHA-256 and the options that change
  /// what is computed; a checkpoint with other facts is refused.
  void configure(const std::string &output, Facts facts);
  /// Rank 0 reads, all get it. Refuses (ARG_INCOMP) other facts, naming them, and two damaged
  /// generations. `found` is false when there is none. Collective.
  PetscErrorCode load(MPI_Comm comm, Tables *tables, bool *found, std::string *notice) const;
  /// Rank 0 writes. Collective.
  PetscErrorCode save(MPI_Comm comm, const Tables &tables) const;
  /// Without -restart: move an older run's checkpoint to <out>.ckpt.old.h5. true when there was
  /// one. Rank 0 only.
  [[nodiscard]] bool set_aside() const;
  /// Remove both generations: the result is complete. Rank 0 only.
  void remove() const;
  [[nodiscard]] const std::string &path() const { return newest_; }
  /// Of the values that KeptRows holds; set_aside() and remove() remove it.
  [[nodiscard]] const std::string &rows_path() const { return rows_; }

private:
  [[nodiscard]] std::string write_file(const std::string &bytes) const;

  std::string newest_, previous_, old_, rows_;
  Facts facts_;
};

} // namespace lathe::driver
