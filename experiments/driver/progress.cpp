// SPDX-License-Identifier: BSD-2-Clause
#include "driver/progress.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cmath>
#include <cstdlib>
#include <unistd.h>

namespace lathe::driver {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool under_mpi_launcher() {
  for (const char *name :
       {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID"})
    if (std::getenv(name))
      return true;
  return false;
}

std::string duration(double seconds) {
  char text[32];
  if (seconds < 100)
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  else
    std::snprintf(text, sizeof text, "%.0f:%02.0f:%02.0f", std::floor(seconds / 3600),
                  std::floor(std::fmod(seconds, 3600) / 60), std::floor(std::fmod(seconds, 60)));
  return text;
}

std::string json_escaped(const std::string &text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  }
  return out;
}

} // namespace

void Progress::start(const std::string &mode, const std::string &driver,
                     const std::string &json_path) {
  mode_ = mode;
  if (mode == "auto")
    mode_ = !under_mpi_launcher() && isatty(STDERR_FILENO) ? "bar" : "lines";
  const char *no_colour = std::getenv("NO_COLOR");
  colour_ = mode_ == "bar" && !(no_colour && *no_colour);
  driver_ = driver;
  json_path_ = json_path;
  begin_ = last_step_ = last_shown_ = now();
}

double Progress::remaining(std::size_t done, std::size_t total) const {
  if (steps_.empty())
    return -1;
  std::vector<double> sorted(steps_);
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle * static_cast<double>(total - done);
}

void Progress::update(std::size_t done, std::size_t total, const std::string &label) {
  if (mode_ == "none" || total == 0)
    return;
  const double time = now();
  if (done > last_done_) {
    steps_.push_back((time - last_step_) / static_cast<double>(done - last_done_));
    if (steps_.size() > 15)
      steps_.erase(steps_.begin());
  }
  last_done_ = done;
  last_step_ = time;
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const double quiet = time - last_shown_;
  const bool due = quiet >= 5 || (share - last_share_ >= 0.05 && quiet >= 1);
  if (mode_ == "lines" && !due)
    return;
  if (mode_ != "lines" && quiet < 0.1 && done < total)
    return;
  last_shown_ = time;
  last_share_ = share;
  if (mode_ == "lines")
    line(done, total, label);
  else if (mode_ == "bar")
    bar(done, total, label);
  else
    json(done, total, label);
}

void Progress::line(std::size_t done, std::size_t total, const std::string &label) const {
  const double left = remaining(done, total);
  std::fprintf(stderr, "%s %3.0f %% | %zu/%zu | %s | ETA %s | %s\n", driver_.c_str(),
               100.0 * static_cast<double>(done) / static_cast<double>(total), done, total,
               duration(now() - begin_).c_str(), left < 0 ? "?" : duration(left).c_str(),
               label.c_str());
}

void Progress::bar(std::size_t done, std::size_t total, const std::string &label) {
  constexpr std::size_t width = 30;
  const std::size_t full = width * done / total;
  const double left = remaining(done, total);
  const std::string filled(full, '#');
  const std::string empty(width - full, '.');
  std::fprintf(stderr, "\r%s [%s%s%s%s] %zu/%zu | ETA %s | %-30.30s", driver_.c_str(),
               colour_ ? "\x1b[36m" : "", filled.c_str(), colour_ ? "\x1b[0m" : "", empty.c_str(),
               done, total, left < 0 ? "?" : duration(left).c_str(), label.c_str());
  std::fflush(stderr);
  open_line_ = true;
}

void Progress::json(std::size_t done, std::size_t total, const std::string &label) const {
  const std::string temporary = json_path_ + ".tmp";
  std::FILE *file = std::fopen(temporary.c_str(), "w");
  if (!file)
    return; // progress never stops a run
  std::fprintf(file,
               "{\"driver\": \"%s\", \"done\": %zu, \"total\": %zu, \"elapsed_s\": %.3f, "
               "\"remaining_s\": %.3f, \"case\": \"%s\"}\n",
               driver_.c_str(), done, total, now() - begin_, remaining(done, total),
               json_escaped(label).c_str());
  if (std::fclose(file) == 0)
    (void)std::rename(temporary.c_str(), json_path_.c_str());
}

void Progress::finish() {
  if (open_line_)
    std::fputc('\n', stderr);
  open_line_ = false;
}

} // namespace lathe::driver
