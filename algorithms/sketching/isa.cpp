// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/isa.h"

namespace lathe::sketching {

namespace {

struct Available {
  const Isa *list[4] = {&isa_generic, nullptr, nullptr, nullptr};
  int count = 1;

  Available() noexcept {
#ifdef LATHE_SKETCHING_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      list[count++] = &isa_avx2;
      if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        list[count++] = &isa_avx512;
    }
#endif
  }
};

const Available &available() noexcept {
  static const Available once;
  return once;
}

} // namespace

const Isa *const *available_isas() noexcept {
  return available().list;
}

const Isa &isa() noexcept {
  return *available().list[available().count - 1];
}

} // namespace lathe::sketching
