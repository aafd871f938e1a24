// SPDX-License-Identifier: BSD-2-Clause
// The grammar of CSV tables of numbers: serial, no MPI.
//
// Fields are separated by commas and may stand in double quotes; blanks around them do not count.
// Lines end with LF or CRLF. Blank lines and lines that begin with # are skipped; the first other
// line names the columns, each later one has as many fields. Numbers are decimal or C99 hexadecimal
// (0x1.8p-3), read correctly rounded and independent of the locale.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::driver {

/// A column that is to be read.
struct ColumnRequest {
  std::string name;
  bool optional = false;
  double least = -std::numeric_limits<double>::infinity(); // smaller values are refused
  /// Also keep what rounding to double drops, to 2⁻⁶³ of the value where long double has 64 bits
  /// of precision: reference values have more digits than a double, and may lie outside its range
  /// (then ±∞ or 0).
  bool with_remainder = false;
};

namespace csv {

/// Where the wanted fields stand in a line.
struct Layout {
  struct Field {
    std::size_t position = 0; // in the line, from 0
    const ColumnRequest *request = nullptr;
  };
  std::size_t fields = 0;    // in every line
  std::vector<Field> wanted; // in the order of their positions
};

/// Where and what is wrong; lines and columns (bytes) from 1.
struct Problem {
  std::int64_t line = 0, column = 0;
  std::string text;
  explicit operator bool() const noexcept { return line > 0; }
};

/// Rows of a text of whole lines.
struct Parsed {
  std::vector<double> values; // row-major; a wanted field's value, then its remainder if asked for
  std::int64_t rows = 0;
  std::int64_t lines = 0; // newlines; complete even when there is a problem
  Problem problem;        // the first; its line counts from the start of the text
};

/// Blank, or a comment?
bool skipped(std::string_view line);
/// The names in a line; "" or what is wrong.
std::string parse_names(std::string_view line, std::vector<std::string> *names);
/// Numbers stored for each row.
std::size_t width(const Layout &layout);
/// ~ 60 ns a number, 250 ns with remainder.
void parse_body(std::string_view text, const Layout &layout, Parsed *out);

} // namespace csv
} // namespace lathe::driver
