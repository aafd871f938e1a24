// SPDX-License-Identifier: BSD-2-Clause
#include "driver/text_source.h"
#include "core/error.h"
#include <algorithm>
#include <array>
#include <cstring>
#include <zlib.h>

namespace lathe::driver {
namespace {

std::string too_long() {
  return Format("a line is longer than %zu bytes: not a text file of this kind",
                TextSource::line_limit);
}

} // namespace

TextSource::~TextSource() {
  if (stream_)
    gzclose(stream_);
}

PetscErrorCode TextSource::Open() {
  std::string problem;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm_, &rank_));
  PetscCallMPI(MPI_Comm_size(comm_, &size_));
  problem = file_.open(path_);
  LatheCheckAll(comm_, problem.empty(), PETSC_ERR_FILE_OPEN, "%s: rank %d cannot open it: %s",
                path_.c_str(), rank_, problem.c_str());
  std::array<std::int64_t, 2> shared{file_.bytes(), 0};
  std::array<unsigned char, 2> magic{};
  if (rank_ == 0 && file_.bytes() >= 2 && file_.read(magic.data(), 2, 0).empty())
    shared[1] = magic[0] == 0x1f && magic[1] == 0x8b ? 1 : 0;
  PetscCallMPI(MPI_Bcast(shared.data(), 2, MPI_INT64_T, 0, comm_));
  file_bytes_ = shared[0];
  compressed_ = shared[1] == 1;
  if (compressed_) // a slab is one MPI message: counts and offsets below 2³¹
    part_bytes_ = std::max<std::size_t>(
        1, std::min(part_bytes_, (1UL << 30) / static_cast<std::size_t>(size_)));
  if (rank_ == 0) {
    stream_ = gzopen(path_.c_str(), "rb"); // reads plain files as they are
    if (stream_)
      gzbuffer(stream_, 1U << 18);
  }
  LatheCheckAll(comm_, rank_ != 0 || stream_, PETSC_ERR_FILE_OPEN, "%s: cannot open it",
                path_.c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

bool TextSource::header_line(std::string *line, std::string *problem) {
  line->clear();
  for (;;) {
    const int c = gzgetc(stream_);
    if (c < 0) {
      int code = Z_OK;
      const char *text = gzerror(stream_, &code);
      if (code != Z_OK)
        *problem = Format("damaged gzip data: %s", text);
      return problem->empty() && !line->empty();
    }
    ++body_;
    if (c == '\n')
      return true;
    if (line->size() == line_limit) {
      *problem = too_long();
      return false;
    }
    line->push_back(static_cast<char>(c));
  }
}

PetscErrorCode TextSource::Start() {
  PetscFunctionBegin;
  PetscCallMPI(MPI_Bcast(&body_, 1, MPI_INT64_T, 0, comm_));
  if (!compressed_ && stream_) {
    gzclose(stream_);
    stream_ = nullptr;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

std::int64_t TextSource::body_bytes_at_most() const noexcept {
  if (!compressed_)
    return file_bytes_ - body_;
  return file_bytes_ > INT64_MAX / 1032 ? INT64_MAX : 1032 * file_bytes_ - body_;
}

// Lines whose first byte is in [begin, end), in buffer_; "" or what went wrong.
std::string TextSource::read_part(std::int64_t begin, std::int64_t end, std::string_view *text) {
  const std::int64_t from = begin > body_ ? begin - 1 : begin; // is `begin` the start of a line?
  buffer_.resize(static_cast<std::size_t>(end - from));
  std::string problem = file_.read(buffer_.data(), buffer_.size(), from);
  if (!problem.empty())
    return problem;
  std::size_t first = 0;
  if (from < begin) {
    const void *newline = std::memchr(buffer_.data(), '\n', buffer_.size());
    if (!newline) {
      *text = {};
      return {};
    }
    first = static_cast<std::size_t>(static_cast<const char *>(newline) - buffer_.data()) + 1;
    if (first == buffer_.size()) {
      *text = {};
      return {};
    }
  }
  // Complete the last line beyond the end of the range.
  const std::size_t nominal = buffer_.size();
  while (buffer_.back() != '\n' && end < file_bytes_) {
    if (buffer_.size() > nominal + line_limit)
      return too_long();
    const std::size_t old = buffer_.size();
    buffer_.resize(old + static_cast<std::size_t>(std::min<std::int64_t>(4096, file_bytes_ - end)));
    problem = file_.read(buffer_.data() + old, buffer_.size() - old, end);
    if (!problem.empty())
      return problem;
    const void *newline = std::memchr(buffer_.data() + old, '\n', buffer_.size() - old);
    if (newline)
      buffer_.resize(static_cast<std::size_t>(static_cast<const char *>(newline) - buffer_.data()) +
                     1);
    end += static_cast<std::int64_t>(buffer_.size() - old);
  }
  *text = std::string_view(buffer_.data() + first, buffer_.size() - first);
  return {};
}

PetscErrorCode TextSource::NextPlain(std::string_view *text, bool *more) {
  const auto part = static_cast<std::int64_t>(part_bytes_);
  PetscFunctionBegin;
  const std::int64_t slab_begin = body_ + slab_ * size_ * part;
  *text = {};
  *more = slab_begin < file_bytes_;
  if (!*more)
    PetscFunctionReturn(PETSC_SUCCESS);
  const std::int64_t begin = std::min(file_bytes_, slab_begin + rank_ * part);
  const std::int64_t end = std::min(file_bytes_, begin + part);
  ++slab_;
  std::string problem;
  try {
    if (begin < end)
      problem = read_part(begin, end, text);
  } catch (const std::exception &e) {
    problem = e.what();
  }
  LatheCheckAll(comm_, problem.empty(), PETSC_ERR_FILE_READ, "%s: %s (bytes %lld to %lld)",
                path_.c_str(), problem.c_str(), static_cast<long long>(begin),
                static_cast<long long>(end));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Rank 0: inflate a slab of whole lines and cut it into a piece for each rank.
std::string TextSource::fill_slab(std::vector<int> *counts, std::vector<int> *offsets) {
  const std::size_t goal = part_bytes_ * static_cast<std::size_t>(size_);
  pending_.erase(0, dealt_);
  dealt_ = 0;
  std::size_t end = std::string::npos; // of the last whole line
  while (!ended_ && (pending_.size() < goal || end == std::string::npos)) {
    const std::size_t old = pending_.size();
    const std::size_t step = std::clamp<std::size_t>(goal - std::min(goal, old), 4096, 1U << 24);
    pending_.resize(old + step);
    const int got = gzread(stream_, pending_.data() + old, static_cast<unsigned>(step));
    pending_.resize(old + static_cast<std::size_t>(std::max(got, 0)));
    int code = Z_OK;
    const char *text = gzerror(stream_, &code);
    if (got < 0 || code == Z_BUF_ERROR) // the latter: the stream stops before its end
      return Format("damaged gzip data: %s", text);
    ended_ = static_cast<std::size_t>(got) < step;
    end = pending_.rfind('\n');
    if (end == std::string::npos && pending_.size() > goal + line_limit)
      return too_long();
  }
  dealt_ = ended_ ? pending_.size() : end + 1;
  std::size_t at = 0;
  for (std::size_t r = 0; r < counts->size(); ++r) {
    std::size_t to = std::max(at, dealt_ * (r + 1) / counts->size());
    if (to > 0 && to < dealt_)
      to = std::min(pending_.find('\n', to - 1), dealt_ - 1) + 1;
    (*offsets)[r] = static_cast<int>(at);
    (*counts)[r] = static_cast<int>(to - at);
    at = to;
  }
  return {};
}

PetscErrorCode TextSource::NextCompressed(std::string_view *text, bool *more) {
  const auto ranks = static_cast<std::size_t>(size_);
  std::vector<int> counts(ranks), offsets(ranks);
  int mine = 0;
  std::string problem;
  PetscFunctionBegin;
  *text = {};
  if (rank_ == 0) {
    try {
      problem = fill_slab(&counts, &offsets);
    } catch (const std::exception &e) {
      problem = e.what();
    }
  }
  LatheCheckAll(comm_, problem.empty(), PETSC_ERR_FILE_READ, "%s: %s", path_.c_str(),
                problem.c_str());
  PetscCallMPI(MPI_Scatter(counts.data(), 1, MPI_INT, &mine, 1, MPI_INT, 0, comm_));
  int any = dealt_ > 0 ? 1 : 0;
  PetscCallMPI(MPI_Bcast(&any, 1, MPI_INT, 0, comm_));
  *more = any == 1;
  if (!*more)
    PetscFunctionReturn(PETSC_SUCCESS);
  try {
    buffer_.resize(static_cast<std::size_t>(mine));
  } catch (const std::exception &e) {
    problem = e.what();
  }
  LatheCheckAll(comm_, problem.empty(), PETSC_ERR_MEM, "%s: %s", path_.c_str(), problem.c_str());
  PetscCallMPI(MPI_Scatterv(pending_.data(), counts.data(), offsets.data(), MPI_CHAR,
                            buffer_.data(), mine, MPI_CHAR, 0, comm_));
  *text = std::string_view(buffer_.data(), buffer_.size());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TextSource::Next(std::string_view *text, bool *more) {
  PetscFunctionBegin;
  if (compressed_)
    PetscCall(NextCompressed(text, more));
  else
    PetscCall(NextPlain(text, more));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
