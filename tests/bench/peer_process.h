// SPDX-License-Identifier: BSD-2-Clause
// A peer in another language: a child process that answers each line with a line.
#pragma once
#include <csignal>
#include <cstdio>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace lathe::bench {

class PeerProcess {
public:
  /// Start `program script`; alive() tells whether its first line came (e.g. its modules exist).
  PeerProcess(const char *program, const char *script) {
    int down[2] = {-1, -1}, up[2] = {-1, -1};
    if (pipe(down) != 0 || pipe(up) != 0)
      return;
    (void)std::signal(SIGPIPE, SIG_IGN); // a peer that is gone shows in alive()
    child_ = fork();
    if (child_ == 0) {
      dup2(down[0], 0);
      dup2(up[1], 1);
      for (const int fd : {down[0], down[1], up[0], up[1]})
        close(fd);
      execlp(program, program, script, static_cast<char *>(nullptr));
      _exit(127);
    }
    close(down[0]);
    close(up[1]);
    to_ = fdopen(down[1], "w");
    from_ = fdopen(up[0], "r");
    alive_ = child_ > 0 && to_ && from_ && !read().empty();
  }
  PeerProcess(const PeerProcess &) = delete;
  PeerProcess &operator=(const PeerProcess &) = delete;
  ~PeerProcess() {
    if (to_)
      std::fclose(to_);
    if (from_)
      std::fclose(from_);
    if (child_ > 0)
      waitpid(child_, nullptr, 0);
  }

  [[nodiscard]] bool alive() const noexcept { return alive_; }
  /// Send a line and, after it, numbers in binary; return the answer, empty when the peer has gone.
  std::string ask(const std::string &line, const std::vector<double> &numbers = {}) {
    std::fprintf(to_, "%s\n", line.c_str());
    (void)std::fwrite(numbers.data(), sizeof(double), numbers.size(), to_);
    std::fflush(to_);
    std::string answer = read();
    alive_ = alive_ && !answer.empty();
    return answer;
  }

private:
  std::string read() {
    char text[200];
    return std::fgets(text, sizeof text, from_) ? text : "";
  }
  pid_t child_ = -1;
  FILE *to_ = nullptr, *from_ = nullptr;
  bool alive_ = false;
};

} // namespace lathe::bench
