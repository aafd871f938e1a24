// SPDX-License-Identifier: BSD-2-Clause
// Owners of PETSc objects. PetscCall returns early on error; an owner then destroys its object in
// the destructor, so a function needs no chain of XDestroy calls and leaks on no path.
//
// Destruction is collective, as in PETSc: owners of parallel objects leave scope in the same order
// on every rank, and before PetscFinalize.
#pragma once
#include "core/petsc_compat.h"
#include <petscmat.h>
#include <utility>

namespace lathe {

/// Move-only owner of one reference to a PETSc object.
///   Handle<KSP, KSPDestroy> ksp;
///   PetscCall(KSPCreate(comm, ksp.out()));
///   PetscCall(KSPSetFromOptions(ksp));          // converts to KSP
template <class T, PetscErrorCode (*Destroy)(T *)> class Handle {
public:
  Handle() = default;
  explicit Handle(T object) noexcept : object_(object) {}
  Handle(Handle &&other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Handle &operator=(Handle &&other) noexcept {
    if (this != &other) {
      reset();
      object_ = std::exchange(other.object_, nullptr);
    }
    return *this;
  }
  Handle(const Handle &) = delete;
  Handle &operator=(const Handle &) = delete;
  ~Handle() { reset(); }

  [[nodiscard]] T get() const noexcept { return object_; }
  operator T() const noexcept { return object_; } // PETSc calls take the raw object
  /// Address for XCreate(…, out()); destroys what was held before.
  [[nodiscard]] T *out() noexcept {
    reset();
    return &object_;
  }
  [[nodiscard]] T release() noexcept { return std::exchange(object_, nullptr); }
  void reset() noexcept {
    if (object_)
      (void)Destroy(&object_); // a destructor has no way to report; PETSc has printed it
    object_ = nullptr;
  }

private:
  T object_ = nullptr;
};

using MatHandle = Handle<Mat, MatDestroy>;
using VecHandle = Handle<Vec, VecDestroy>;
using IsHandle = Handle<IS, ISDestroy>;
using ScatterHandle = Handle<VecScatter, VecScatterDestroy>;
using ViewerHandle = Handle<PetscViewer, PetscViewerDestroy>;

} // namespace lathe
