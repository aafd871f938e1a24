// SPDX-License-Identifier: BSD-2-Clause
// The grammar of Matrix Market files (Boisvert, Pozo, Remington, NISTIR 5935, 1996): serial, no
// MPI. Numbers are read by std::from_chars: correctly rounded and independent of the locale.
#pragma once
#include "driver/matrix_entries.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::driver::mtx {

enum class Field { real, integer, complex, pattern };
enum class Symmetry { general, symmetric, skew, hermitian };
const char *name(Field field);
const char *name(Symmetry symmetry);

struct Header {
  bool array = false; // every entry in column order, else coordinates
  Field field = Field::real;
  Symmetry symmetry = Symmetry::general;
  std::int64_t rows = 0, cols = 0;
  std::int64_t stored = 0; // entries that must follow
  std::int64_t lines = 0;  // lines up to and with the size line
};

/// Where and what is wrong; lines and columns from 1.
struct Problem {
  std::int64_t line = 0, column = 0;
  std::string text;
  explicit operator bool() const noexcept { return line > 0; }
};

/// "%%MatrixMarket matrix …" into format, field and symmetry; "" or what is wrong, with the allowed
/// words.
std::string parse_banner(std::string_view line, Header *header);
/// The size line into rows, cols and stored. A blank line or comment gives *found = false.
Problem parse_sizes(std::string_view line, Header *header, bool *found);

/// What came out of a text of whole lines.
struct Parsed {
  std::vector<Entry> entries;      // coordinate: with mirror images, which follow their original
  std::vector<PetscScalar> values; // array
  std::int64_t stored = 0;         // entries in the text, without mirror images
  std::int64_t lines = 0;          // newlines; complete even when there is a problem
  Problem problem;                 // the first; its line counts from the start of the text
};

/// Coordinates (header.array false) or one value a line. Blank lines and comment lines may be
/// anywhere. Indices and the triangle of symmetric files are checked here. Appends nothing useful
/// after a problem. ~ 15-30 ns an entry.
void parse_body(std::string_view text, const Header &header, Parsed *out);

/// Line (from 1) of entry `index` (from 0) of a text; for messages about surplus entries.
std::int64_t line_of_entry(std::string_view text, std::int64_t index);

/// Entries of the array file whose first value is number `first` (from 0) of the file: adds the
/// indices that the column order gives, and mirror images. A problem names the value as `line` =
/// its index in `values` + 1 (Hermitian diagonals must be real).
Problem place_array(const Header &header, std::int64_t first,
                    const std::vector<PetscScalar> &values, std::vector<Entry> *entries);

} // namespace lathe::driver::mtx
