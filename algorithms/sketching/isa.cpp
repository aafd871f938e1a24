// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/isa.h"
#include "core/instruction_sets.h"

namespace lathe::sketching {

namespace {

const InstructionSets<Isa> &available() noexcept {
#ifdef LATHE_SKETCHING_X86
  static const InstructionSets<Isa> once(&isa_generic, &isa_avx2, &isa_avx512);
#else
  static const InstructionSets<Isa> once(&isa_generic);
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

} // namespace lathe::sketching
