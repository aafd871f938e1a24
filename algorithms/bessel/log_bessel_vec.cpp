// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/bessel.h"
#include "bessel/log_bessel_batch.h"
#include "core/citation.h"
#include "core/error.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace {

using lathe::bessel::Accuracy;
using lathe::bessel::LogBesselDerivatives;
using lathe::bessel::Values;

/// Entries taken at a time: three blocks of doubles stay in the first-level cache.
constexpr std::size_t block = 2048;
constexpr std::size_t most_outputs = 4;

/// Read-only entries of a vector as doubles; complex builds copy real parts.
class RealEntries {
public:
  explicit RealEntries(const PetscScalar *entries) : entries_(entries) {}
  Values operator()(std::size_t begin, std::size_t count) {
#if defined(PETSC_USE_COMPLEX)
    for (std::size_t i = 0; i < count; ++i)
      copy_[i] = PetscRealPart(entries_[begin + i]);
    return {copy_.data(), count};
#else
    return {entries_ + begin, count};
#endif
  }

private:
  const PetscScalar *entries_;
#if defined(PETSC_USE_COMPLEX)
  std::array<double, block> copy_;
#endif
};

/// Log event of the family, registered at its first use.
PetscErrorCode Event(PetscLogEvent *event) {
  PetscFunctionBegin;
  PetscCall(PetscLogEventGetId("LatheLogBessel", event));
  if (*event < 0) // not kept in a static: PETSc may be finalised and started again
    PetscCall(PetscLogEventRegister("LatheLogBessel", VEC_CLASSID, event));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// No argument is a null pointer.
PetscErrorCode CheckGiven(std::initializer_list<Vec> arguments) {
  PetscFunctionBegin;
  int position = 0;
  for (const Vec vec : arguments) {
    ++position;
    PetscCheck(vec, PETSC_COMM_SELF, PETSC_ERR_ARG_NULL,
               "argument %d is a null pointer; only derivatives may be left out", position);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Vectors of one layout on congruent communicators, outputs apart from everything else.
PetscErrorCode CheckLayout(Vec v, Vec x, const std::vector<Vec> &outputs) {
  PetscFunctionBegin;
  MPI_Comm comm = PetscObjectComm(reinterpret_cast<PetscObject>(v));
  PetscInt wanted = 0;
  PetscInt wanted_global = 0;
  PetscCall(VecGetLocalSize(v, &wanted));
  PetscCall(VecGetSize(v, &wanted_global));
  std::vector<Vec> others{x};
  for (const Vec out : outputs)
    if (out)
      others.push_back(out);
  for (std::size_t k = 0; k < others.size(); ++k) {
    int same = MPI_UNEQUAL;
    PetscCallMPI(
        MPI_Comm_compare(comm, PetscObjectComm(reinterpret_cast<PetscObject>(others[k])), &same));
    PetscCheck(same == MPI_IDENT || same == MPI_CONGRUENT, comm, PETSC_ERR_ARG_NOTSAMECOMM,
               "vector %d lives on another communicator than the orders", static_cast<int>(k) + 2);
    PetscInt local = 0;
    PetscInt global = 0;
    PetscCall(VecGetLocalSize(others[k], &local));
    PetscCall(VecGetSize(others[k], &global));
    LatheCheckAll(comm, local == wanted && global == wanted_global, PETSC_ERR_ARG_SIZ,
                  "vector %d has %" PetscInt_FMT " entries, %" PetscInt_FMT
                  " of them on this rank; the orders have %" PetscInt_FMT " and %" PetscInt_FMT,
                  static_cast<int>(k) + 2, global, local, wanted_global, wanted);
    const bool alone = std::count(others.begin(), others.end(), others[k]) == 1 && others[k] != v;
    PetscCheck(k == 0 || alone, comm, PETSC_ERR_ARG_IDN,
               "result %d is also another argument; results need vectors of their own",
               static_cast<int>(k));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Every entry ≥ 0 or NaN; `what` names the vector.
PetscErrorCode CheckDomain(Vec vec, const char *what) {
  PetscFunctionBegin;
  PetscInt begin = 0;
  PetscInt count = 0;
  const PetscScalar *a = nullptr;
  PetscCall(VecGetOwnershipRange(vec, &begin, nullptr));
  PetscCall(VecGetLocalSize(vec, &count));
  PetscCall(VecGetArrayRead(vec, &a));
  const PetscScalar *bad = std::find_if(a, a + count, [](PetscScalar value) {
    return PetscRealPart(value) < 0 || PetscImaginaryPart(value) != 0;
  });
  const bool found = bad != a + count;
  const PetscInt index = begin + static_cast<PetscInt>(bad - a);
  const std::string text = !found ? std::string()
                           : PetscImaginaryPart(*bad) != 0
                               ? lathe::Format("%.17g%+.17gi; must be real", PetscRealPart(*bad),
                                               PetscImaginaryPart(*bad))
                               : lathe::Format("%.17g; must be at least 0", PetscRealPart(*bad));
  PetscCall(VecRestoreArrayRead(vec, &a));
  LatheCheckAll(PetscObjectComm(reinterpret_cast<PetscObject>(vec)), !found,
                PETSC_ERR_ARG_OUTOFRANGE, "%s[%" PetscInt_FMT "] = %s", what, index, text.c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Check everything, then kernel(v, x, first, count) for each block of the local entries; it writes
/// entries [first, first + count) of the arrays out[·], which are nullptr for absent results.
template <class Kernel>
PetscErrorCode Evaluate(Vec v, Vec x, const std::vector<Vec> &outputs, Kernel &&kernel) {
  PetscFunctionBegin;
  PetscCall(CheckLayout(v, x, outputs));
  PetscCall(CheckDomain(v, "order v"));
  PetscCall(CheckDomain(x, "argument x"));
  PetscCall(lathe::Cite("PlesnerSorensenHauberg2024"));
  PetscLogEvent event = 0;
  PetscCall(Event(&event));
  PetscCall(PetscLogEventBegin(event, v, x, nullptr, nullptr));
  PetscInt local = 0;
  const PetscScalar *va = nullptr;
  const PetscScalar *xa = nullptr;
  std::array<PetscScalar *, most_outputs> out{};
  PetscCall(VecGetLocalSize(v, &local));
  PetscCall(VecGetArrayRead(v, &va));
  PetscCall(VecGetArrayRead(x, &xa));
  for (std::size_t k = 0; k < outputs.size(); ++k)
    if (outputs[k])
      PetscCall(VecGetArrayWrite(outputs[k], &out[k]));
  RealEntries orders(va);
  RealEntries arguments(xa);
  const auto n = static_cast<std::size_t>(local);
  for (std::size_t first = 0; first < n; first += block) {
    const std::size_t count = std::min(block, n - first);
    kernel(orders(first, count), arguments(first, count), first, out);
  }
  for (std::size_t k = 0; k < outputs.size(); ++k)
    if (outputs[k])
      PetscCall(VecRestoreArrayWrite(outputs[k], &out[k]));
  PetscCall(VecRestoreArrayRead(v, &va));
  PetscCall(VecRestoreArrayRead(x, &xa));
  PetscCall(PetscLogEventEnd(event, v, x, nullptr, nullptr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode GetAccuracy(Vec x, Accuracy *accuracy) {
  PetscFunctionBegin;
  const char *const names[] = {"full", "fast"};
  const char *prefix = nullptr;
  PetscInt choice = 0;
  PetscCall(PetscObjectGetOptionsPrefix(reinterpret_cast<PetscObject>(x), &prefix));
  PetscCall(
      PetscOptionsGetEList(nullptr, prefix, "-lathe_bessel_accuracy", names, 2, &choice, nullptr));
  *accuracy = choice == 1 ? Accuracy::fast : Accuracy::full;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// One or both logarithms; an absent one is not computed.
PetscErrorCode Logarithms(Vec v, Vec x, Vec log_i, Vec log_k) {
  PetscFunctionBegin;
  Accuracy accuracy = Accuracy::full;
  PetscCall(GetAccuracy(x, &accuracy));
  std::array<double, block> i;
  std::array<double, block> k;
  const auto batch = [&]<Accuracy a>(Values vs, Values xs) {
    namespace bessel = lathe::bessel;
    const std::span<double> is(i.data(), vs.size());
    const std::span<double> ks(k.data(), vs.size());
    if (log_i && log_k)
      bessel::log_bessel_ik<a>(vs, xs, is, ks);
    else if (log_i)
      bessel::log_bessel_i<a>(vs, xs, is);
    else
      bessel::log_bessel_k<a>(vs, xs, ks);
  };
  PetscCall(
      Evaluate(v, x, {log_i, log_k}, [&](Values vs, Values xs, std::size_t first, const auto &out) {
        if (accuracy == Accuracy::full)
          batch.template operator()<Accuracy::full>(vs, xs);
        else
          batch.template operator()<Accuracy::fast>(vs, xs);
        if (out[0])
          std::copy_n(i.begin(), vs.size(), out[0] + first);
        if (out[1])
          std::copy_n(k.begin(), vs.size(), out[1] + first);
      }));
  PetscFunctionReturn(PETSC_SUCCESS);
}

using DerivativeKernel = bool (*)(Values, Values, std::span<LogBesselDerivatives>) noexcept;

PetscErrorCode Derivatives(DerivativeKernel kernel, Vec v, Vec x, const std::vector<Vec> &outputs) {
  PetscFunctionBegin;
  std::array<LogBesselDerivatives, block> result;
  PetscCall(Evaluate(v, x, outputs, [&](Values vs, Values xs, std::size_t first, const auto &out) {
    kernel(vs, xs, {result.data(), vs.size()});
    constexpr std::array<double LogBesselDerivatives::*, most_outputs> parts{
        &LogBesselDerivatives::value, &LogBesselDerivatives::dx, &LogBesselDerivatives::dv,
        &LogBesselDerivatives::dxx};
    for (std::size_t k = 0; k < most_outputs; ++k)
      for (std::size_t j = 0; out[k] && j < vs.size(); ++j)
        out[k][first + j] = result[j].*parts[k];
  }));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode LatheVecLogBesselI(Vec v, Vec x, Vec log_i) {
  PetscFunctionBegin;
  PetscCall(CheckGiven({v, x, log_i}));
  PetscCall(Logarithms(v, x, log_i, nullptr));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheVecLogBesselK(Vec v, Vec x, Vec log_k) {
  PetscFunctionBegin;
  PetscCall(CheckGiven({v, x, log_k}));
  PetscCall(Logarithms(v, x, nullptr, log_k));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheVecLogBesselIK(Vec v, Vec x, Vec log_i, Vec log_k) {
  PetscFunctionBegin;
  PetscCall(CheckGiven({v, x, log_i, log_k}));
  PetscCall(Logarithms(v, x, log_i, log_k));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheVecLogBesselIDerivatives(Vec v, Vec x, Vec value, Vec dx, Vec dv, Vec dxx) {
  PetscFunctionBegin;
  PetscCall(CheckGiven({v, x}));
  PetscCall(Derivatives(lathe::bessel::log_bessel_i_derivatives, v, x, {value, dx, dv, dxx}));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LatheVecLogBesselKDerivatives(Vec v, Vec x, Vec value, Vec dx, Vec dv, Vec dxx) {
  PetscFunctionBegin;
  PetscCall(CheckGiven({v, x}));
  PetscCall(Derivatives(lathe::bessel::log_bessel_k_derivatives, v, x, {value, dx, dv, dxx}));
  PetscFunctionReturn(PETSC_SUCCESS);
}
