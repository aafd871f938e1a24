// SPDX-License-Identifier: BSD-2-Clause
// A text file, plain or gzip-compressed, dealt to ranks in whole lines and in file order.
//
// Plain files: every rank reads its own byte ranges. Compressed files: a deflate stream has no
// entry points, so rank 0 inflates and deals out; parsing is still done by all. A slab is
// `part_bytes` for each rank, so no rank ever holds more text than one part (rank 0: one slab of a
// compressed file).
#pragma once
#include "core/petsc_compat.h"
#include "driver/file_read.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

struct gzFile_s;

namespace lathe::driver {

class TextSource {
public:
  /// A line longer than this is refused: no text format read here has one, binary data do.
  static constexpr std::size_t line_limit = 65536;

  TextSource(MPI_Comm comm, std::string path, std::size_t part_bytes)
      : comm_(comm), path_(std::move(path)), part_bytes_(part_bytes) {}
  ~TextSource();
  TextSource(const TextSource &) = delete;
  TextSource &operator=(const TextSource &) = delete;

  /// Collective. Every rank opens a plain file, rank 0 a compressed one (found from content).
  PetscErrorCode Open();
  /// Rank 0 only, before Start: next line without its end; false at the end of the file or on an
  /// error, of which `problem` then tells.
  bool header_line(std::string *line, std::string *problem);
  /// Collective, after the header: what follows the last header line is the body.
  PetscErrorCode Start();
  /// Collective. The calling rank's lines of the next slab, valid until the next call; *more is
  /// false on every rank when the body is exhausted (and *text empty then).
  PetscErrorCode Next(std::string_view *text, bool *more);

  [[nodiscard]] bool compressed() const noexcept { return compressed_; }
  [[nodiscard]] std::int64_t file_bytes() const noexcept { return file_bytes_; }
  /// No more text than this can follow in the body: exact for plain files; deflate's largest
  /// ratio, 1032, for compressed ones.
  [[nodiscard]] std::int64_t body_bytes_at_most() const noexcept;

private:
  PetscErrorCode NextPlain(std::string_view *text, bool *more);
  PetscErrorCode NextCompressed(std::string_view *text, bool *more);
  std::string read_part(std::int64_t begin, std::int64_t end, std::string_view *text);
  std::string fill_slab(std::vector<int> *counts, std::vector<int> *offsets);

  MPI_Comm comm_;
  std::string path_;
  std::size_t part_bytes_;
  int rank_ = 0, size_ = 1;
  ReadOnlyFile file_;
  gzFile_s *stream_ = nullptr; // rank 0: header of any file, body of compressed ones
  bool compressed_ = false, ended_ = false;
  std::int64_t file_bytes_ = 0, body_ = 0, slab_ = 0;
  std::vector<char> buffer_; // this rank's part
  std::string pending_;      // rank 0, compressed: inflated and not yet dealt
  std::size_t dealt_ = 0;
};

} // namespace lathe::driver
