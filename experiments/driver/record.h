// SPDX-License-Identifier: BSD-2-Clause
// What one case of a driver found, and how it is described in the result file.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace lathe::driver {

/// Row-major values with their extents.
struct Array {
  std::vector<double> values;
  std::vector<std::int64_t> shape;
  bool operator==(const Array &) const = default;
};

using Value = std::variant<double, std::int64_t, std::string, Array>;

/// Named results, the same on every rank, in the order of their first setting.
class Record {
public:
  void real(const std::string &name, double v) { set(name, v); }
  void integer(const std::string &name, std::int64_t v) { set(name, v); }
  void text(const std::string &name, std::string v) { set(name, std::move(v)); }
  /// `shape` empty: one-dimensional.
  void array(const std::string &name, std::vector<double> v, std::vector<std::int64_t> shape = {}) {
    if (shape.empty())
      shape = {static_cast<std::int64_t>(v.size())};
    set(name, Array{std::move(v), std::move(shape)});
  }
  void set(const std::string &name, Value v);
  /// nullptr when absent.
  [[nodiscard]] const Value *find(const std::string &name) const {
    for (const auto &[key, value] : values_)
      if (key == name)
        return &value;
    return nullptr;
  }
  template <class T> [[nodiscard]] const T *get(const std::string &name) const {
    const Value *v = find(name);
    return v ? std::get_if<T>(v) : nullptr;
  }
  [[nodiscard]] const std::vector<std::pair<std::string, Value>> &values() const { return values_; }
  bool operator==(const Record &) const = default;

private:
  std::vector<std::pair<std::string, Value>> values_;
};

/// Kind of a variable in the result file.
enum class Kind {
  real,    // float64; missing: NaN
  integer, // int64; missing: the _FillValue
  text,    // char array; missing: empty
  flag     // int8, 0 … meanings.size()−1; missing: −1
};

/// One variable of the result file: CF name, units ("s", never "seconds"; "1" without a unit) and
/// long_name.
struct Column {
  std::string name = {};
  Kind kind = Kind::real;
  std::string units = "1";
  std::string long_name = {};
  /// Dimensions after the case dimension, for Array values. Extents that differ from case to case
  /// are padded with NaN to the largest, unless `own_group`.
  std::vector<std::string> dims = {};
  /// Write each case's array to the group <name>/<case> with dimensions of its own.
  bool own_group = false;
  /// Times and the like: left out with -output_reproducible.
  bool is_volatile = false;
  /// The line printed for a case gives the largest number of its array, NaN before all.
  bool in_line = false;
  std::vector<std::string> meanings = {};                           // of a flag's values 0, 1, …
  std::vector<std::pair<std::string, std::string>> attributes = {}; // comment, accuracy, …
};

enum class CaseStatus { completed = 0, failed = 1, not_run = 2 };

struct Case {
  std::string name = {};
  CaseStatus status = CaseStatus::not_run;
  std::string failure = {}; // reason when failed
  Record record = {};
};

} // namespace lathe::driver
