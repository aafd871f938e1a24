// SPDX-License-Identifier: BSD-2-Clause
// Files that are written under another name and then take the place of an old one.
#pragma once
#include <string>

namespace lathe::driver {

/// "", or why `file` cannot be written: a folder, a device or a pipe, no access to its folder.
std::string output_problem(const std::string &file);

/// Bytes that the folder of `file` has room for; infinity where the file system does not say.
double free_bytes(const std::string &file);

/// Whether both names lead to one existing file, by symbolic and hard links too.
bool same_file(const std::string &a, const std::string &b);

/// The file that `file` leads to, so that a symbolic link stays one.
std::string link_target(const std::string &file);

} // namespace lathe::driver
