// SPDX-License-Identifier: BSD-2-Clause
#include "driver/record.h"

namespace lathe::driver {

void Record::set(const std::string &name, Value v) {
  for (auto &[key, value] : values_)
    if (key == name) {
      value = std::move(v);
      return;
    }
  values_.emplace_back(name, std::move(v));
}

} // namespace lathe::driver
