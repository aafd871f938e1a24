// SPDX-License-Identifier: BSD-2-Clause
#include "core/error.h"
#include "driver/matrix_entries.h"
#include "driver/matrix_market.h"
#include "driver/output_file.h"
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <zlib.h>

namespace lathe::driver {
namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 22;

void append_number(std::string *out, double x) {
  std::array<char, 32> text{};
  const auto result = std::to_chars(text.data(), text.data() + text.size(), x);
  out->append(text.data(), result.ptr);
}
void append_number(std::string *out, std::int64_t x) {
  std::array<char, 24> text{};
  const auto result = std::to_chars(text.data(), text.data() + text.size(), x);
  out->append(text.data(), result.ptr);
}
void append_value(std::string *out, PetscScalar value) {
  append_number(out, static_cast<double>(PetscRealPart(value)));
#if defined(PETSC_USE_COMPLEX)
  *out += ' ';
  append_number(out, static_cast<double>(PetscImaginaryPart(value)));
#endif
  *out += '\n';
}

// Rank 0's file, plain or compressed: zlib's transparent mode ("T") writes plain text.
class TextOutput {
public:
  ~TextOutput() {
    if (stream_)
      gzclose(stream_);
    if (!part_.empty())
      std::remove(part_.c_str());
  }
  TextOutput() = default;
  TextOutput(const TextOutput &) = delete;
  TextOutput &operator=(const TextOutput &) = delete;

  bool open(const std::string &file) {
    const bool gz = file.size() > 3 && file.compare(file.size() - 3, 3, ".gz") == 0;
    file_ = link_target(file);
    part_ = file_ + ".part";
    stream_ = gzopen(part_.c_str(), gz ? "wb6" : "wbT");
    if (stream_)
      gzbuffer(stream_, 1U << 20);
    return stream_ != nullptr;
  }
  void write(const char *text, std::size_t n) {
    ok_ = ok_ && (n == 0 || gzwrite(stream_, text, static_cast<unsigned>(n)) > 0);
  }
  bool finish() {
    ok_ = gzclose(std::exchange(stream_, nullptr)) == Z_OK && ok_ &&
          std::rename(part_.c_str(), file_.c_str()) == 0;
    if (ok_)
      part_.clear();
    return ok_;
  }

private:
  gzFile stream_ = nullptr;
  std::string part_, file_;
  bool ok_ = true;
};

// Text of every rank, in rank order, to rank 0's file. A rank sends each piece when rank 0 has come
// to it; an empty piece ends a rank's turn.
class Relay {
public:
  Relay(MPI_Comm comm, TextOutput *output) : comm_(comm), output_(output) {}
  PetscErrorCode Begin() {
    PetscFunctionBegin;
    PetscCallMPI(MPI_Comm_rank(comm_, &rank_));
    PetscCallMPI(MPI_Comm_size(comm_, &size_));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// Append to the text; sends what has become large.
  std::string text;
  PetscErrorCode Flush(bool always) {
    PetscFunctionBegin;
    if (text.empty() || (!always && text.size() < piece_bytes))
      PetscFunctionReturn(PETSC_SUCCESS);
    if (rank_ == 0)
      output_->write(text.data(), text.size());
    else
      PetscCallMPI(MPI_Ssend(text.data(), static_cast<int>(text.size()), MPI_CHAR, 0, tag, comm_));
    text.clear();
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  /// Collective: every rank has flushed all; rank 0 takes over the others' text.
  PetscErrorCode Collect() {
    std::vector<char> piece;
    PetscFunctionBegin;
    PetscCall(Flush(true));
    if (rank_ != 0) {
      PetscCallMPI(MPI_Ssend(text.data(), 0, MPI_CHAR, 0, tag, comm_));
      PetscFunctionReturn(PETSC_SUCCESS);
    }
    for (int r = 1; r < size_; ++r)
      for (int n = 1; n > 0;) {
        MPI_Status status;
        PetscCallMPI(MPI_Probe(r, tag, comm_, &status));
        PetscCallMPI(MPI_Get_count(&status, MPI_CHAR, &n));
        piece.resize(static_cast<std::size_t>(n));
        PetscCallMPI(MPI_Recv(piece.data(), n, MPI_CHAR, r, tag, comm_, MPI_STATUS_IGNORE));
        output_->write(piece.data(), piece.size());
      }
    PetscFunctionReturn(PETSC_SUCCESS);
  }

private:
  static constexpr int tag = 17; // the communicator is private to the call
  MPI_Comm comm_;
  TextOutput *output_;
  int rank_ = 0, size_ = 1;
};

PetscErrorCode RelaySparse(Mat A, Relay *relay) {
  PetscInt begin = 0, end = 0;
  PetscFunctionBegin;
  PetscCall(MatGetOwnershipRange(A, &begin, &end));
  for (PetscInt i = begin; i < end; ++i) {
    PetscInt n = 0;
    const PetscInt *cols = nullptr;
    const PetscScalar *values = nullptr;
    PetscCall(MatGetRow(A, i, &n, &cols, &values));
    for (PetscInt k = 0; k < n; ++k) {
      append_number(&relay->text, static_cast<std::int64_t>(i) + 1);
      relay->text += ' ';
      append_number(&relay->text, static_cast<std::int64_t>(cols[k]) + 1);
      relay->text += ' ';
      append_value(&relay->text, values[k]);
    }
    PetscCall(MatRestoreRow(A, i, &n, &cols, &values));
    PetscCall(relay->Flush(false));
  }
  PetscCall(relay->Collect());
  PetscFunctionReturn(PETSC_SUCCESS);
}

// The array format runs down columns, which all ranks share: one turn of the ranks a column.
PetscErrorCode RelayDense(Mat A, Relay *relay) {
  const PetscScalar *a = nullptr;
  PetscInt m = 0, N = 0, ld = 0;
  PetscFunctionBegin;
  PetscCall(MatGetLocalSize(A, &m, nullptr));
  PetscCall(MatGetSize(A, nullptr, &N));
  PetscCall(MatDenseGetLDA(A, &ld));
  PetscCall(MatDenseGetArrayRead(A, &a));
  for (PetscInt j = 0; j < N; ++j) {
    for (PetscInt i = 0; i < m; ++i) {
      append_value(&relay->text, a[i + static_cast<std::int64_t>(j) * ld]);
      PetscCall(relay->Flush(false));
    }
    PetscCall(relay->Collect());
  }
  PetscCall(MatDenseRestoreArrayRead(A, &a));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode WriteMatrixMarket(Mat A, const std::string &file) {
  MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(A));
  PetscInt M = 0, N = 0;
  PetscBool dense = PETSC_FALSE;
  int rank = 0;
  TextOutput output;
  PetscFunctionBegin;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCall(MatGetSize(A, &M, &N));
  PetscCall(PetscObjectBaseTypeCompareAny(reinterpret_cast<PetscObject>(A), &dense, MATSEQDENSE,
                                          MATMPIDENSE, ""));
  const bool opened = rank != 0 || output.open(file);
  LatheCheckAll(comm, opened, PETSC_ERR_FILE_OPEN, "cannot create %s.part: %s", file.c_str(),
                std::strerror(errno));
  MPI_Comm own = MPI_COMM_NULL;
  PetscCallMPI(MPI_Comm_dup(comm, &own));
  Relay relay(own, &output);
  PetscCall(relay.Begin());
  if (rank == 0) {
    relay.text =
        Format("%%%%MatrixMarket matrix %s %s general\n%% written by lathe\n",
               dense ? "array" : "coordinate", PetscDefined(USE_COMPLEX) ? "complex" : "real");
    relay.text += Format("%lld %lld", static_cast<long long>(M), static_cast<long long>(N));
  }
  if (dense) {
    if (rank == 0)
      relay.text += '\n';
    PetscCall(RelayDense(A, &relay));
  } else {
    MatInfo info;
    PetscCall(MatGetInfo(A, MAT_LOCAL, &info));
    auto mine = static_cast<std::int64_t>(info.nz_used);
    std::int64_t nonzeros = 0;
    PetscCallMPI(MPI_Reduce(&mine, &nonzeros, 1, MPI_INT64_T, MPI_SUM, 0, comm));
    if (rank == 0)
      relay.text += Format(" %lld\n", static_cast<long long>(nonzeros));
    PetscCall(RelaySparse(A, &relay));
  }
  PetscCallMPI(MPI_Comm_free(&own));
  const bool written = rank != 0 || output.finish();
  LatheCheckAll(comm, written, PETSC_ERR_FILE_WRITE, "cannot write %s: %s", file.c_str(),
                std::strerror(errno));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
