// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/normal_residual_isa.h"

namespace lathe::sketching {
namespace {

struct Available {
  const NormalIsa *list[4] = {&normal_generic, nullptr, nullptr, nullptr};
  int count = 1;

  Available() noexcept {
#ifdef LATHE_NORMAL_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      list[count++] = &normal_avx2;
      if (__builtin_cpu_supports("avx512f"))
        list[count++] = &normal_avx512;
    }
#endif
  }
};

const Available &available() noexcept {
  static const Available once;
  return once;
}

} // namespace

const NormalIsa *const *available_normal_isas() noexcept {
  return available().list;
}

const NormalIsa &normal_isa() noexcept {
  return *available().list[available().count - 1];
}

} // namespace lathe::sketching
