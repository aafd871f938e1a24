// SPDX-License-Identifier: BSD-2-Clause
// Damaged files for the tests of readers.
#pragma once
#include "core/random.h"
#include <cstdint>
#include <string>

namespace lathe::test {

/// Deterministic choices of one mutation.
struct Dice {
  std::uint64_t stream, at = 0;
  std::uint64_t below(std::uint64_t n) { return random::below(n, 99, stream, at++); }
};

/// One to four edits: flip a bit, replace, delete, insert, copy a piece, cut the end.
inline std::string damaged(std::string s, Dice dice, bool text) {
  const std::string alphabet =
      text ? "0123456789 -+.eE%\n\r\tnaifxD" : std::string("\0\xff\x7f\x80\x01", 5);
  for (std::uint64_t edit = dice.below(4) + 1; edit-- > 0 && !s.empty();) {
    const std::size_t at = dice.below(s.size());
    const char c = alphabet[dice.below(alphabet.size())];
    switch (dice.below(6)) {
    case 0:
      s[at] = static_cast<char>(s[at] ^ (1 << dice.below(8)));
      break;
    case 1:
      s[at] = c;
      break;
    case 2:
      s.erase(at, 1 + dice.below(3));
      break;
    case 3:
      s.insert(at, 1 + dice.below(3), c);
      break;
    case 4:
      s.insert(at, s.substr(dice.below(s.size()), dice.below(20)));
      break;
    default:
      if (dice.below(4) == 0)
        s.resize(at);
    }
  }
  return s;
}

} // namespace lathe::test
