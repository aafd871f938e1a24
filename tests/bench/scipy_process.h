// SPDX-License-Identifier: BSD-2-Clause
// A Python child with SciPy that waits for a word, computes, and answers with its processor time:
// so that a peer in another language takes turns as those in this process do.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace lathe::bench {

class ScipyProcess {
public:
  /// Start `python script points result`; the points are written first.
  ScipyProcess(const std::string &python, const std::string &script, const std::vector<double> &v,
               const std::vector<double> &x) {
    folder_ = std::filesystem::temp_directory_path() / "lathe_bench_XXXXXX";
    if (!mkdtemp(folder_.data()))
      return;
    std::ofstream points(folder_ + "/points", std::ios::binary);
    for (const auto *column : {&v, &x})
      points.write(reinterpret_cast<const char *>(column->data()),
                   static_cast<std::streamsize>(column->size() * sizeof(double)));
    points.close();
    start(python, script);
  }
  ~ScipyProcess() {
    if (to_)
      std::fclose(to_);
    if (from_)
      std::fclose(from_);
    if (child_ > 0)
      waitpid(child_, nullptr, 0);
    for (const char *name : {"/points", "/result"})
      (void)std::remove((folder_ + name).c_str());
    (void)rmdir(folder_.c_str());
  }
  ScipyProcess(const ScipyProcess &) = delete;
  ScipyProcess &operator=(const ScipyProcess &) = delete;

  /// Processor seconds that `word` took; −1 when there is no SciPy.
  double run(const char *word) {
    double seconds = -1;
    if (!to_ || std::fprintf(to_, "%s\n", word) < 0 || std::fflush(to_) != 0 ||
        std::fscanf(from_, "%lf", &seconds) != 1)
      return -1;
    return seconds;
  }
  /// The values of the last run.
  [[nodiscard]] std::vector<double> result(std::size_t n) const {
    std::vector<double> values(n);
    std::ifstream file(folder_ + "/result", std::ios::binary);
    file.read(reinterpret_cast<char *>(values.data()),
              static_cast<std::streamsize>(n * sizeof(double)));
    return values;
  }

private:
  void start(const std::string &python, const std::string &script) {
    int in[2], out[2];
    if (pipe(in) != 0 || pipe(out) != 0)
      return;
    child_ = fork();
    if (child_ == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      for (const int descriptor : {in[0], in[1], out[0], out[1]})
        close(descriptor);
      execlp(python.c_str(), python.c_str(), script.c_str(), (folder_ + "/points").c_str(),
             (folder_ + "/result").c_str(), nullptr);
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    to_ = fdopen(in[1], "w");
    from_ = fdopen(out[0], "r");
  }

  std::string folder_;
  pid_t child_ = -1;
  std::FILE *to_ = nullptr, *from_ = nullptr;
};

} // namespace lathe::bench
