// SPDX-License-Identifier: BSD-2-Clause
#include "core/instruction_sets.h"
#include "sketching/normal_residual_isa.h"

namespace lathe::sketching {
namespace {

const InstructionSets<NormalIsa> &available() noexcept {
#ifdef LATHE_NORMAL_X86
  static const InstructionSets<NormalIsa> once(&normal_generic, &normal_avx2, &normal_avx512);
#else
  static const InstructionSets<NormalIsa> once(&normal_generic);
#endif
  return once;
}

} // namespace

const NormalIsa *const *available_normal_isas() noexcept {
  return available().list();
}

const NormalIsa &normal_isa() noexcept {
  return available().widest();
}

} // namespace lathe::sketching
