// SPDX-License-Identifier: BSD-2-Clause
// The options of a driver: declared once with unit, range, default and help; read from PETSc's
// options database (command line, -options_file, YAML, PETSC_OPTIONS). Values are checked and
// unknown names refused, with the nearest known name, before anything is computed.
#pragma once
#include "core/petsc_compat.h"
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace lathe::driver {

/// Allowed range of a number.
struct Interval {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_included = true, high_included = true;

  static Interval any() { return {}; }
  static Interval closed(double a, double b) { return {a, b, true, true}; }
  static Interval open(double a, double b) { return {a, b, false, false}; }
  static Interval at_least(double a) {
    return {a, std::numeric_limits<double>::infinity(), true, false};
  }
  static Interval above(double a) {
    return {a, std::numeric_limits<double>::infinity(), false, false};
  }
  [[nodiscard]] bool contains(double x) const {
    return (low_included ? x >= low : x > low) && (high_included ? x <= high : x < high);
  }
  /// "[1, 10]", "> 0", "≥ 1", "any".
  [[nodiscard]] std::string text() const;
};

/// One declared option. `parse` stores the value and returns "" or what is wrong with it.
struct Option {
  std::string group = {}, name = {}, kind = {}, unit = {}, range = {}, fallback = {}, help = {};
  std::string value = {};         // as read; the default when not given
  std::string source = "default"; // default | command line | environment | file
  bool runtime = false; // changes how a run goes, never what it computes: a restart may change it
  bool path = false;    // names a file: only its last part is stored unless -provenance full
  bool library = false; // read by liblathe or a solver, declared here for -help and spelling
  std::function<std::string(const std::string &)> parse = {};

  Option &set_runtime() {
    runtime = true;
    return *this;
  }
};

/// Declare with the variable that receives the value; what it holds is the default.
class Options {
public:
  /// Title above the options declared after it in -help.
  void group(std::string title) { group_ = std::move(title); }

  template <class I>
  Option &integer(const std::string &name, I &variable, const std::string &unit, Interval range,
                  const std::string &help) {
    return add_integer(name, static_cast<std::int64_t>(variable), unit,
                       narrowed(range, static_cast<double>(std::numeric_limits<I>::max())), help,
                       [&variable](std::int64_t v) { variable = static_cast<I>(v); });
  }
  Option &real(const std::string &name, double &variable, const std::string &unit, Interval range,
               const std::string &help);
  /// Comma-separated integers, e.g. 3,3.
  Option &integers(const std::string &name, std::vector<std::int64_t> &variable,
                   const std::string &unit, Interval range, const std::string &help);
  /// Comma-separated numbers.
  Option &reals(const std::string &name, std::vector<double> &variable, const std::string &unit,
                Interval range, const std::string &help);
  Option &seed(const std::string &name, std::uint64_t &variable, const std::string &help);
  Option &flag(const std::string &name, bool &variable, const std::string &help);
  Option &choice(const std::string &name, std::string &variable, std::vector<std::string> allowed,
                 const std::string &help);
  /// Comma-separated names, each one of `allowed` and none twice.
  Option &choices(const std::string &name, std::vector<std::string> &variable,
                  std::vector<std::string> allowed, const std::string &help);
  /// FILE, or FILE.h5:/path of an object inside a file.
  Option &file(const std::string &name, std::string &variable, const std::string &help);
  /// Seconds, or h:mm:ss.
  Option &duration(const std::string &name, double &seconds, const std::string &help);
  /// An option that liblathe or a solver reads itself: accepted, shown by -help, stored.
  Option &library(const std::string &name, const std::string &unit, const std::string &range,
                  const std::string &fallback, const std::string &help);
  /// The same for a number, whose text is checked before the library reads it.
  Option &library_number(const std::string &name, bool whole, Interval range,
                         const std::string &fallback, const std::string &help);
  /// Refuse every one of `others` beside `name`, which makes them meaningless.
  void exclude(const std::string &name, std::vector<std::string> others);
  /// Accept every option that begins with `prefix` ("-mat_mumps_"): solver objects read them later.
  void accept_prefix(const std::string &prefix, const std::string &what);

  /// Read and check all. `problems`: one line each, empty when all is well; the same on every rank.
  /// Collective on comm. Unknown names are accepted under -options_left 0, as in PETSc.
  PetscErrorCode read(MPI_Comm comm, int argc, char **argv, std::string *problems);

  [[nodiscard]] std::string help_text(const std::string &driver, const std::string &title) const;
  [[nodiscard]] const std::vector<Option> &all() const { return options_; }
  /// Given options that an accepted prefix covers, with their values.
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>> &others() const {
    return others_;
  }
  [[nodiscard]] bool given(const std::string &name) const;

private:
  Option &add(Option option);
  Option &add_integer(const std::string &name, std::int64_t fallback, const std::string &unit,
                      Interval range, const std::string &help,
                      std::function<void(std::int64_t)> store);
  static Interval narrowed(Interval range, double highest) {
    return range.high <= highest ? range : Interval{range.low, highest, range.low_included, true};
  }
  PetscErrorCode read_values(int argc, char **argv, std::string *problems);
  PetscErrorCode find_others();
  PetscErrorCode find_unknown(std::string *problems);
  [[nodiscard]] bool accepted(const std::string &name) const;
  [[nodiscard]] std::string nearest(const std::string &name) const;

  std::string group_ = "General";
  std::vector<Option> options_;
  std::vector<std::pair<std::string, std::string>> prefixes_, others_;
  std::vector<std::pair<std::string, std::vector<std::string>>> exclusions_;
};

} // namespace lathe::driver
