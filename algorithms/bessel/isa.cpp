// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/isa.h"

namespace lathe::bessel {

namespace {

struct Available {
  Isa isas[3] = {{scalar_generic, batch_generic, derivatives_generic, "generic"}, {}, {}};
  const Isa *list[4] = {isas, nullptr, nullptr, nullptr};
  int count = 1;

  void add(const Isa &isa) noexcept {
    isas[count] = isa;
    list[count] = isas + count;
    ++count;
  }

  Available() noexcept {
#ifdef LATHE_BESSEL_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      add({scalar_avx2, batch_avx2, derivatives_avx2, "avx2"});
      if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        add({scalar_avx2, batch_avx512, derivatives_avx512, "avx512"});
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
  return available().isas[available().count - 1];
}

} // namespace lathe::bessel
