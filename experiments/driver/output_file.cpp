// SPDX-License-Identifier: BSD-2-Clause
#include "driver/output_file.h"
#include <filesystem>
#include <limits>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace lathe::driver {

namespace {

std::string folder_of(const std::string &file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos ? "." : file.substr(0, slash + 1);
}

} // namespace

std::string output_problem(const std::string &file) {
  const std::string folder = folder_of(file);
  struct stat info = {};
  if (stat(file.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return "'" + file + "' is a " +
           (S_ISDIR(info.st_mode) ? "folder" : "device or a pipe, not a file");
  if (access(folder.c_str(), W_OK | X_OK) != 0)
    return "cannot write in folder '" + folder + "'";
  return "";
}

double free_bytes(const std::string &file) {
  struct statvfs info = {};
  if (statvfs(folder_of(file).c_str(), &info) != 0 || info.f_blocks == 0)
    return std::numeric_limits<double>::infinity();
  return static_cast<double>(info.f_bavail) * static_cast<double>(info.f_frsize);
}

bool same_file(const std::string &a, const std::string &b) {
  struct stat one = {}, other = {};
  return stat(a.c_str(), &one) == 0 && stat(b.c_str(), &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

std::string link_target(const std::string &file) {
  constexpr int longest_chain = 40; // Linux follows no more
  std::error_code problem;
  std::filesystem::path at = file;
  for (int links = 0; links < longest_chain && std::filesystem::is_symlink(at, problem); ++links) {
    const std::filesystem::path next = std::filesystem::read_symlink(at, problem);
    at = next.is_absolute() ? next : at.parent_path() / next;
  }
  return at.string();
}

} // namespace lathe::driver
