// SPDX-License-Identifier: BSD-2-Clause
#include "driver/csv_parse.h"
#include "core/error.h"
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

namespace lathe::driver::csv {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view s) {
  const std::size_t first = s.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    return {};
  return s.substr(first, s.find_last_not_of(blanks) - first + 1);
}

/// Calls field(position, begin, content) for each field of a line; the number of fields.
template <class F> std::size_t split(std::string_view line, F &&field) {
  std::size_t count = 0;
  std::size_t begin = 0;
  for (;; ++count) {
    std::size_t end = line.find_first_not_of(blanks, begin);
    if (end != std::string_view::npos && line[end] == '"') { // a comma inside quotes is text
      std::size_t quote = line.find('"', end + 1);
      while (quote != std::string_view::npos && quote + 1 < line.size() && line[quote + 1] == '"')
        quote = line.find('"', quote + 2);
      end = quote;
    }
    end = line.find(',', end == std::string_view::npos ? begin : end);
    std::string_view content = trimmed(line.substr(begin, end - begin));
    const std::size_t start =
        content.empty() ? begin : static_cast<std::size_t>(content.data() - line.data());
    if (content.size() >= 2 && content.front() == '"' && content.back() == '"')
      content = trimmed(content.substr(1, content.size() - 2));
    field(count, start, content);
    if (end == std::string_view::npos)
      return count + 1;
    begin = end + 1;
  }
}

/// ∞ or NaN where s spells it, else 0. from_chars of libstdc++ 12 would take the strlen of these.
template <class T> T spelt_out(std::string_view s) {
  std::string lower(s);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "inf" || lower == "infinity")
    return std::numeric_limits<T>::infinity();
  return lower == "nan" ? std::numeric_limits<T>::quiet_NaN() : 0;
}

/// The whole of s as a number; "" or what is wrong.
template <class T> std::string read_number(std::string_view s, T *value) {
  const bool negative = !s.empty() && s.front() == '-';
  if (!s.empty() && (s.front() == '-' || s.front() == '+'))
    s.remove_prefix(1);
  const bool hexadecimal = s.starts_with("0x") || s.starts_with("0X");
  if (hexadecimal)
    s.remove_prefix(2);
  // from_chars would take a second sign, and 0xinf
  const auto first = static_cast<unsigned char>(s.empty() ? '-' : s.front());
  if (first == '-' || (hexadecimal && std::isxdigit(first) == 0 && first != '.'))
    return "is not a number";
  if (!hexadecimal && std::isalpha(first) != 0) {
    *value = negative ? -spelt_out<T>(s) : spelt_out<T>(s);
    return *value == 0 ? "is not a number" : "";
  }
  const auto [end, error] =
      std::from_chars(s.data(), s.data() + s.size(), *value,
                      hexadecimal ? std::chars_format::hex : std::chars_format::general);
  if (error == std::errc::result_out_of_range && end == s.data() + s.size())
    return "is outside the range of a double";
  if (error != std::errc{} || end != s.data() + s.size())
    return "is not a number";
  if (negative)
    *value = -*value;
  return {};
}

/// One field into out[0] and, if asked for, out[1]; "" or what is wrong.
std::string read_field(const ColumnRequest &request, std::string_view s, double *out) {
  if (s.empty())
    return "is empty; a number is needed";
  const auto shown = [&] { return Format("'%s' ", std::string(s.substr(0, 64)).c_str()); };
  if (request.with_remainder) {
    long double precise = 0;
    if (const std::string problem = read_number(s, &precise); !problem.empty())
      return shown() + problem;
    out[0] = static_cast<double>(precise);
    const bool infinite = std::isinf(out[0]) && !std::isinf(precise);
    out[1] = infinite ? 0 : static_cast<double>(precise - static_cast<long double>(out[0]));
    return std::isnan(out[1]) ? shown() + "is not finite; drop the line" : "";
  }
  if (const std::string problem = read_number(s, out); !problem.empty())
    return shown() + problem;
  if (!std::isfinite(*out))
    return shown() + "is not finite; drop the line";
  if (*out < request.least)
    return shown() + Format("is below %g, the least value allowed", request.least);
  return {};
}

/// One line that is not skipped, into a row; the problem's line stays 0 when there is none.
Problem parse_line(std::string_view line, const Layout &layout, double *row) {
  Problem problem;
  auto next = layout.wanted.begin();
  const std::size_t fields =
      split(line, [&](std::size_t position, std::size_t begin, std::string_view content) {
        if (problem || next == layout.wanted.end() || next->position != position)
          return;
        const ColumnRequest &request = *next++->request;
        if (const std::string wrong = read_field(request, content, row); !wrong.empty())
          problem = {1, static_cast<std::int64_t>(begin) + 1, request.name + " " + wrong};
        row += request.with_remainder ? 2 : 1;
      });
  if (fields != layout.fields) // before any complaint about a field that may have moved
    problem = {1, 1, Format("%zu fields, but the columns are %zu", fields, layout.fields)};
  return problem;
}

} // namespace

bool skipped(std::string_view line) {
  const std::size_t first = line.find_first_not_of(blanks);
  return first == std::string_view::npos || line[first] == '#';
}

std::string parse_names(std::string_view line, std::vector<std::string> *names) {
  std::string problem;
  split(line, [&](std::size_t, std::size_t, std::string_view content) {
    if (std::find(names->begin(), names->end(), content) != names->end() && !content.empty())
      problem = "two columns have the name '" + std::string(content) + "'";
    names->emplace_back(content);
  });
  return problem;
}

std::size_t width(const Layout &layout) {
  std::size_t numbers = 0;
  for (const Layout::Field &f : layout.wanted)
    numbers += f.request->with_remainder ? 2 : 1;
  return numbers;
}

void parse_body(std::string_view text, const Layout &layout, Parsed *out) {
  const std::size_t numbers = width(layout);
  out->lines = std::count(text.begin(), text.end(), '\n');
  std::int64_t at = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++at;
    if (skipped(line))
      continue;
    out->values.resize(out->values.size() + numbers);
    out->problem = parse_line(line, layout, out->values.data() + (out->values.size() - numbers));
    if (out->problem) {
      out->problem.line = at;
      return;
    }
    ++out->rows;
  }
}

} // namespace lathe::driver::csv
