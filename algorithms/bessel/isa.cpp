// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/isa.h"
#include "core/instruction_sets.h"

namespace lathe::bessel {

namespace {

const InstructionSets<Isa> &available() noexcept {
  static const Isa generic{scalar_generic, batch_generic, derivatives_generic, "generic"};
#ifdef LATHE_BESSEL_X86
  static const Isa avx2{scalar_avx2, batch_avx2, derivatives_avx2, "avx2"};
  static const Isa avx512{scalar_avx2, batch_avx512, derivatives_avx512, "avx512"};
  static const InstructionSets<Isa> once(&generic, &avx2, &avx512);
#else
  static const InstructionSets<Isa> once(&generic);
#endif
  return once;
}

} // namespace

const Isa *const *available_isas() noexcept {
  return available().list();
}

const Isa &isa() noexcept {
  return available().widest();
}

} // namespace lathe::bessel
