// SPDX-License-Identifier: BSD-2-Clause
// Kernels that are compiled for several instruction sets and chosen when the program runs, so that
// one library serves every processor and uses what it has.
#pragma once

namespace lathe {

/// Those of up to three variants of a table of kernels that this processor can run: generic, AVX2
/// with FMA, AVX-512 (F and DQ). A variant that was not compiled is null.
template <class Table> class InstructionSets {
public:
  explicit InstructionSets(const Table *generic, [[maybe_unused]] const Table *avx2 = nullptr,
                           [[maybe_unused]] const Table *avx512 = nullptr) noexcept
      : list_{generic} {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!avx2 || !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
      return;
    list_[count_++] = avx2;
    if (avx512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
      list_[count_++] = avx512;
#endif
  }

  /// Narrowest first, null after the last.
  [[nodiscard]] const Table *const *list() const noexcept {
    return list_;
  }
  [[nodiscard]] const Table &widest() const noexcept {
    return *list_[count_ - 1];
  }

private:
  const Table *list_[4] = {};
  int count_ = 1;
};

} // namespace lathe
