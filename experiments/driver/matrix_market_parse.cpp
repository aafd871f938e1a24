// SPDX-License-Identifier: BSD-2-Clause
#include "driver/matrix_market_parse.h"
#include "core/error.h"
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace lathe::driver::mtx {
namespace {

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

// What the file has at p, for messages: up to 32 printable bytes of the token.
std::string shown(const char *p, const char *end) {
  std::string token;
  for (; p < end && !is_blank(*p) && *p != '\n'; ++p) {
    if (token.size() == 32)
      return "'" + token + "...'";
    const auto c = static_cast<unsigned char>(*p);
    token += c >= 0x20 && c < 0x7f ? std::string(1, *p) : Format("\\x%02x", c);
  }
  return token.empty() ? "the end of the line" : "'" + token + "'";
}

// A cursor over one text. Each `take_*` skips blanks, reads one token and returns "" or what is
// wrong with it; `token` then points at its first byte.
struct Cursor {
  const char *at, *end;
  const char *token = nullptr;

  void skip_blanks() {
    while (at < end && is_blank(*at))
      ++at;
  }
  [[nodiscard]] bool at_delimiter(const char *p) const {
    return p == end || *p == '\n' || is_blank(*p);
  }

  std::string take_integer(const char *what, std::int64_t *value) {
    skip_blanks();
    token = at;
    const char *digits = at + (at < end && *at == '+' ? 1 : 0);
    const auto [stop, error] = std::from_chars(digits, end, *value);
    if (error == std::errc::result_out_of_range)
      return Format("%s %s does not fit into 64 bits", what, shown(token, end).c_str());
    if (error != std::errc{} || !at_delimiter(stop) || (digits > at && *digits == '-'))
      return Format("%s must be an integer, found %s", what, shown(token, end).c_str());
    at = stop;
    return {};
  }

  std::string take_index(const char *what, std::int64_t limit, PetscInt *index) {
    std::int64_t value = 0;
    std::string problem = take_integer(what, &value);
    if (!problem.empty())
      return problem;
    if (value < 1 || value > limit)
      return Format("%s %lld is outside 1..%lld", what, static_cast<long long>(value),
                    static_cast<long long>(limit));
    *index = static_cast<PetscInt>(value - 1);
    return {};
  }

  std::string take_real(const char *what, double *value);
  std::string not_a_number(const char *what) const {
    return Format("%s must be a finite number, found %s", what, shown(token, end).c_str());
  }
};

// Fortran writes 1.5D+00, which from_chars does not know.
bool fortran_exponent(const char *first, const char *last, double *value, std::errc *error) {
  std::array<char, 400> text{};
  const auto length = static_cast<std::size_t>(last - first);
  const char *mark = std::find_if(first, last, [](char c) { return c == 'd' || c == 'D'; });
  if (length > text.size() || mark == last)
    return false;
  char *end = std::copy(first, last, text.data());
  text[static_cast<std::size_t>(mark - first)] = 'e';
  const auto [stop, result] = std::from_chars(text.data(), end, *value);
  *error = result;
  return stop == end;
}

// Decimal exponent of a number that from_chars found out of range decides between overflow and
// underflow: positive exponents overflow.
bool overflows(const char *first, const char *last) {
  std::int64_t exponent = 0;
  const char *e = std::find_if(first, last,
                               [](char c) { return c == 'e' || c == 'E' || c == 'd' || c == 'D'; });
  if (e < last) {
    const char *digits = e + 1 + (e + 1 < last && e[1] == '+' ? 1 : 0);
    const auto result = std::from_chars(digits, last, exponent);
    if (result.ec == std::errc::result_out_of_range)
      exponent = *digits == '-' ? INT64_MIN / 2 : INT64_MAX / 2;
  }
  std::int64_t leading = 0; // position of the first nonzero digit before the exponent
  bool point = false, found = false;
  for (const char *p = first; p < e; ++p) {
    if (*p == '.') {
      point = true;
    } else if (*p >= '0' && *p <= '9') {
      found = found || *p != '0';
      if (found && !point)
        ++leading;
      if (!found && point)
        --leading;
    }
  }
  return exponent + leading > 0;
}

std::string Cursor::take_real(const char *what, double *value) {
  skip_blanks();
  token = at;
  const char *first = at + (at < end && *at == '+' ? 1 : 0);
  if (first > at && first < end && (*first == '-' || *first == '+'))
    return not_a_number(what);
  auto [stop, error] = std::from_chars(first, end, *value);
  if (!at_delimiter(stop) || error == std::errc::invalid_argument) {
    const char *last = first;
    while (!at_delimiter(last))
      ++last;
    if (!fortran_exponent(first, last, value, &error))
      return not_a_number(what);
    stop = last;
  }
  if (error == std::errc::result_out_of_range) {
    if (overflows(first, stop))
      return Format("%s %s is outside the range of double (1.8e308)", what,
                    shown(token, end).c_str());
    *value = *first == '-' ? -0.0 : 0.0; // correctly rounded: below half the smallest subnormal
  } else if (!std::isfinite(*value)) {
    return not_a_number(what);
  }
  at = stop;
  return {};
}

std::string take_value(Cursor *cursor, Field field, PetscScalar *value) {
  double re = 1, im = 0;
  std::int64_t integer = 0;
  std::string problem;
  switch (field) {
  case Field::pattern:
    break;
  case Field::integer:
    problem = cursor->take_integer("value", &integer);
    re = static_cast<double>(integer);
    if (problem.empty() && (re >= 0x1p63 || static_cast<std::int64_t>(re) != integer))
      problem = Format("value %lld has more than the 53 bits of a double; change the field to real "
                       "to have it rounded",
                       static_cast<long long>(integer));
    break;
  case Field::real:
    problem = cursor->take_real("value", &re);
    break;
  case Field::complex:
    problem = cursor->take_real("real part", &re);
    if (problem.empty())
      problem = cursor->take_real("imaginary part", &im);
    break;
  }
#if defined(PETSC_USE_COMPLEX)
  *value = PetscScalar(re, im);
#else
  *value = re;
#endif
  return problem;
}

std::string lower_only(const Header &header, PetscInt row, PetscInt col) {
  if (row < col)
    return Format("entry (%lld, %lld) lies above the diagonal; a %s file stores the lower triangle "
                  "only",
                  static_cast<long long>(row) + 1, static_cast<long long>(col) + 1,
                  name(header.symmetry));
  if (row == col && header.symmetry == Symmetry::skew)
    return Format("entry (%lld, %lld) is on the diagonal, which is zero in a skew-symmetric file "
                  "and not stored",
                  static_cast<long long>(row) + 1, static_cast<long long>(col) + 1);
  return {};
}

std::string real_diagonal(const Header &header, const Entry &e) {
  if (header.symmetry == Symmetry::hermitian && e.row == e.col && PetscImaginaryPart(e.value) != 0)
    return Format("the diagonal of a hermitian matrix is real, entry (%lld, %lld) has imaginary "
                  "part %.17g",
                  static_cast<long long>(e.row) + 1, static_cast<long long>(e.col) + 1,
                  static_cast<double>(PetscImaginaryPart(e.value)));
  return {};
}

/// −v; a real value read into complex scalars keeps the imaginary part +0.
PetscScalar negative(PetscScalar v) {
#if PetscDefined(USE_COMPLEX)
  return {-PetscRealPart(v), 0 - PetscImaginaryPart(v)};
#else
  return -v;
#endif
}

void push_mirrored(const Header &header, const Entry &e, std::vector<Entry> *entries) {
  entries->push_back(e);
  if (header.symmetry == Symmetry::general || e.row == e.col)
    return;
  const PetscScalar image = header.symmetry == Symmetry::skew        ? negative(e.value)
                            : header.symmetry == Symmetry::hermitian ? PetscConj(e.value)
                                                                     : e.value;
  entries->push_back({e.col, e.row, image});
}

std::string take_coordinate(Cursor *cursor, const Header &header, Parsed *out) {
  Entry e{0, 0, 0};
  std::string problem = cursor->take_index("row index", header.rows, &e.row);
  if (problem.empty())
    problem = cursor->take_index("column index", header.cols, &e.col);
  if (problem.empty() && header.symmetry != Symmetry::general)
    problem = lower_only(header, e.row, e.col);
  if (problem.empty())
    problem = take_value(cursor, header.field, &e.value);
  if (problem.empty() && header.symmetry == Symmetry::hermitian)
    problem = real_diagonal(header, e);
  if (problem.empty())
    push_mirrored(header, e, &out->entries);
  return problem;
}

std::string_view next_word(std::string_view *line) {
  const auto blank = [](char c) { return is_blank(c); };
  const auto *begin = std::find_if_not(line->begin(), line->end(), blank);
  const auto *end = std::find_if(begin, line->end(), blank);
  const std::string_view word(begin, static_cast<std::size_t>(end - begin));
  line->remove_prefix(static_cast<std::size_t>(end - line->begin()));
  return word;
}

bool same_word(std::string_view a, const char *b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return a.size() == std::strlen(b) &&
         std::equal(a.begin(), a.end(), b, [&](char x, char y) { return lower(x) == lower(y); });
}

// Index of the word in a list, or -1.
template <std::size_t N>
int which(std::string_view word, const std::array<const char *, N> &allowed) {
  for (std::size_t i = 0; i < N; ++i)
    if (same_word(word, allowed[i]))
      return static_cast<int>(i);
  return -1;
}

const std::array<const char *, 4> fields{"real", "integer", "complex", "pattern"};
const std::array<const char *, 4> symmetries{"general", "symmetric", "skew-symmetric", "hermitian"};

} // namespace

const char *name(Field field) {
  return fields[static_cast<std::size_t>(field)];
}
const char *name(Symmetry symmetry) {
  return symmetries[static_cast<std::size_t>(symmetry)];
}

std::string parse_banner(std::string_view line, Header *header) {
  const std::array<const char *, 2> formats{"coordinate", "array"};
  const auto quoted = [](std::string_view w) { return shown(w.data(), w.data() + w.size()); };
  if (!same_word(next_word(&line), "%%MatrixMarket"))
    return "the first line must begin with %%MatrixMarket";
  const std::string_view object = next_word(&line), format = next_word(&line);
  const std::string_view field = next_word(&line), symmetry = next_word(&line);
  if (!same_word(object, "matrix"))
    return "object must be 'matrix', found " + quoted(object);
  const int f = which(format, formats);
  if (f < 0)
    return "format must be coordinate or array, found " + quoted(format);
  const int t = same_word(field, "double") ? 0 : which(field, fields); // some writers say double
  if (t < 0)
    return "field must be real, integer, complex or pattern, found " + quoted(field);
  const int s = same_word(symmetry, "skew") ? 2 : which(symmetry, symmetries);
  if (s < 0)
    return "symmetry must be general, symmetric, skew-symmetric or hermitian, found " +
           quoted(symmetry);
  if (!next_word(&line).empty())
    return "the header has more than five words";
  header->array = f == 1;
  header->field = static_cast<Field>(t);
  header->symmetry = static_cast<Symmetry>(s);
  const bool pattern = header->field == Field::pattern;
  if (pattern && header->array)
    return "an array file cannot have field pattern";
  if (pattern && s > 1)
    return std::string("a pattern file cannot be ") + symmetries[static_cast<std::size_t>(s)];
  if (header->symmetry == Symmetry::hermitian && header->field != Field::complex)
    return std::string("a hermitian file must have field complex, found ") + name(header->field);
  return {};
}

Problem parse_sizes(std::string_view line, Header *header, bool *found) {
  Cursor cursor{line.data(), line.data() + line.size()};
  const auto problem = [&](const std::string &text) {
    return Problem{header->lines, cursor.token - line.data() + 1, text};
  };
  cursor.skip_blanks();
  *found = cursor.at < cursor.end && *cursor.at != '%';
  if (!*found)
    return {};
  const int wanted = header->array ? 2 : 3;
  const std::array<const char *, 3> what{"number of rows", "number of columns",
                                         "number of entries"};
  std::array<std::int64_t, 3> sizes{};
  for (std::size_t i = 0; i < static_cast<std::size_t>(wanted); ++i) {
    std::string text = cursor.take_integer(what[i], &sizes[i]);
    if (text.empty() && sizes[i] < 0)
      text =
          Format("%s must not be negative, found %lld", what[i], static_cast<long long>(sizes[i]));
    if (!text.empty())
      return problem(text);
  }
  cursor.skip_blanks();
  cursor.token = cursor.at;
  if (cursor.at < cursor.end)
    return problem(Format("the size line of this format has %d numbers, found also %s", wanted,
                          shown(cursor.at, cursor.end).c_str()));
  header->rows = sizes[0];
  header->cols = sizes[1];
  cursor.token = line.data();
  if (header->symmetry != Symmetry::general && sizes[0] != sizes[1])
    return problem(Format("a %s matrix is square, found %lld x %lld", name(header->symmetry),
                          static_cast<long long>(sizes[0]), static_cast<long long>(sizes[1])));
  __extension__ using Wide = __int128; // 2⁶³ rows and columns must not wrap around
  const Wide m = sizes[0], n = sizes[1];
  Wide stored = header->array ? m * n : sizes[2];
  if (header->array && header->symmetry != Symmetry::general)
    stored = header->symmetry == Symmetry::skew ? n * (n - 1) / 2 : n * (n + 1) / 2;
  if (stored > INT64_MAX)
    return problem("the number of entries does not fit into 64 bits");
  header->stored = static_cast<std::int64_t>(stored);
  return {};
}

void parse_body(std::string_view text, const Header &header, Parsed *out) {
  Cursor cursor{text.data(), text.data() + text.size()};
  const auto to_newline = [&] {
    const void *newline =
        std::memchr(cursor.at, '\n', static_cast<std::size_t>(cursor.end - cursor.at));
    cursor.at = newline ? static_cast<const char *>(newline) : cursor.end;
  };
  while (cursor.at < cursor.end) {
    const char *line = cursor.at;
    cursor.skip_blanks();
    if (cursor.at < cursor.end && *cursor.at != '\n' && *cursor.at != '%') {
      std::string problem;
      if (header.array) {
        PetscScalar value = 0;
        problem = take_value(&cursor, header.field, &value);
        out->values.push_back(value);
      } else {
        problem = take_coordinate(&cursor, header, out);
      }
      if (problem.empty()) {
        ++out->stored;
        cursor.skip_blanks();
        cursor.token = cursor.at;
        if (cursor.at < cursor.end && *cursor.at != '\n')
          problem =
              "the entry is complete, but the line goes on with " + shown(cursor.at, cursor.end);
      }
      if (!problem.empty() && !out->problem)
        out->problem = {out->lines + 1, cursor.token - line + 1, problem};
    }
    if (out->problem) { // count the remaining lines for the ranks behind
      out->lines += std::count(cursor.at, cursor.end, '\n');
      return;
    }
    to_newline();
    if (cursor.at < cursor.end) {
      ++cursor.at;
      ++out->lines;
    }
  }
}

std::int64_t line_of_entry(std::string_view text, std::int64_t index) {
  std::int64_t line = 0;
  while (!text.empty()) {
    ++line;
    const std::size_t newline = text.find('\n');
    const std::string_view one = text.substr(0, newline);
    const auto first = std::find_if_not(one.begin(), one.end(), is_blank);
    if (first != one.end() && *first != '%' && index-- == 0)
      return line;
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  }
  return line;
}

Problem place_array(const Header &header, std::int64_t first,
                    const std::vector<PetscScalar> &values, std::vector<Entry> *entries) {
  // First stored row of column j: 0, or below the diagonal as the symmetry says.
  const std::int64_t below = header.symmetry == Symmetry::skew ? 1 : 0;
  const auto top = [&](std::int64_t j) {
    return header.symmetry == Symmetry::general ? 0 : j + below;
  };
  std::int64_t col = 0, row = 0;
  if (header.symmetry == Symmetry::general) {
    col = header.rows > 0 ? first / header.rows : 0;
    row = header.rows > 0 ? first % header.rows : 0;
  } else { // at most √(2·first) steps
    for (row = first; col < header.cols && row >= header.rows - top(col); ++col)
      row -= header.rows - top(col);
    row += top(col);
  }
  for (std::size_t k = 0; k < values.size(); ++k) {
    const Entry e{static_cast<PetscInt>(row), static_cast<PetscInt>(col), values[k]};
    const std::string problem = real_diagonal(header, e);
    if (!problem.empty())
      return {static_cast<std::int64_t>(k) + 1, 1, problem};
    push_mirrored(header, e, entries);
    for (++row; row >= header.rows && col + 1 < header.cols;) {
      ++col;
      row = top(col);
    }
  }
  return {};
}

} // namespace lathe::driver::mtx
