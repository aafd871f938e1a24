// SPDX-License-Identifier: BSD-2-Clause
// How far a run has come, for people: on rank 0's stderr or in a file, never in results.
#pragma once
#include <string>
#include <vector>

namespace lathe::driver {

/// - lines: at most one line every 5 s, or every 5 % but not more than one a second
/// - bar:   one line rewritten in place; for a terminal only
/// - json:  <output>.progress.json, replaced atomically, for dashboards
/// - auto:  bar on a terminal without MPI, else lines. Under mpiexec Open MPI gives every rank a
///          pseudo-terminal even when the output goes to a file, so isatty is not believed there.
class Progress {
public:
  /// Rank 0 only; other ranks keep the default, which does nothing.
  void start(const std::string &mode, const std::string &driver, const std::string &json_path);
  /// `done` of `total` cases are finished; `label` names the next or last one.
  void update(std::size_t done, std::size_t total, const std::string &label);
  /// End the line of a bar, so that other output starts on a new one.
  void finish();

private:
  void line(std::size_t done, std::size_t total, const std::string &label) const;
  void bar(std::size_t done, std::size_t total, const std::string &label);
  void json(std::size_t done, std::size_t total, const std::string &label) const;
  [[nodiscard]] double remaining(std::size_t done, std::size_t total) const;

  std::string mode_ = "none", driver_, json_path_;
  bool colour_ = false, open_line_ = false;
  double begin_ = 0, last_step_ = 0, last_shown_ = 0, last_share_ = 0;
  std::size_t last_done_ = 0;
  std::vector<double> steps_; // wall time of the last steps, for the moving median
};

} // namespace lathe::driver
