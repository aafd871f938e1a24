// SPDX-License-Identifier: BSD-2-Clause
#include "driver/options.h"
#include "core/error.h"
#include "driver/options_known.h"
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <sstream>

namespace lathe::driver {
namespace {
/// Shortest text that reads back as x: 0.1, not 0.10000000000000001.
std::string shortest(double x) {
  if (std::isinf(x))
    return x > 0 ? "infinity" : "-infinity";
  char buffer[40];
  const bool whole = std::fabs(x) < 1e15 && x == std::trunc(x); // 1000000, not 1e+06
  const auto end =
      (whole ? std::to_chars(buffer, buffer + sizeof buffer, x, std::chars_format::fixed)
             : std::to_chars(buffer, buffer + sizeof buffer, x))
          .ptr;
  return {buffer, end};
}

template <class T> std::string joined(const std::vector<T> &items, const char *separator = ",") {
  std::string text;
  for (const T &item : items) {
    text += text.empty() ? "" : separator;
    if constexpr (std::is_same_v<T, std::string>)
      text += item;
    else if constexpr (std::is_floating_point_v<T>)
      text += shortest(item);
    else
      text += std::to_string(item);
  }
  return text;
}

std::vector<std::string> split(const std::string &text) {
  std::vector<std::string> parts(1);
  for (const char c : text)
    if (c == ',')
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

/// The whole text must be one number.
template <class T> bool parse_number(const std::string &text, T *value) {
  const char *first = text.data() + (text.starts_with('+') ? 1 : 0);
  const auto [end, error] = std::from_chars(first, text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

std::string check_integer(const std::string &text, Interval range, std::int64_t *value) {
  if (!parse_number(text, value))
    return "is not an integer";
  return range.contains(static_cast<double>(*value)) ? "" : "is out of range";
}

std::string check_real(const std::string &text, Interval range, double *value) {
  if (!parse_number(text, value))
    return "is not a number";
  return range.contains(*value) ? "" : "is out of range"; // NaN is in no range
}

template <class T, class Check>
std::string parse_list(const std::string &text, std::vector<T> *values, Check check) {
  std::vector<T> read;
  for (const std::string &part : split(text)) {
    T value{};
    if (const std::string wrong = check(part, &value); !wrong.empty())
      return "has an entry '" + part + "' that " + wrong;
    read.push_back(value);
  }
  *values = std::move(read);
  return "";
}

/// PETSc's rule for "this word is an option": a dash and then a letter, and no number (-infinity).
bool is_key(const char *word) {
  double number = 0;
  if (!word || word[0] != '-' || parse_number(word, &number))
    return false;
  const char *name = word[1] == '-' ? word + 2 : word + 1;
  return std::isalpha(static_cast<unsigned char>(*name)) != 0;
}

std::size_t edit_distance(const std::string &a, const std::string &b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

} // namespace

std::string Interval::text() const {
  if (std::isinf(low) && std::isinf(high))
    return "any";
  if (std::isinf(high))
    return (low_included ? "≥ " : "> ") + shortest(low);
  if (std::isinf(low))
    return (high_included ? "≤ " : "< ") + shortest(high);
  return (low_included ? "[" : "(") + shortest(low) + ", " + shortest(high) +
         (high_included ? "]" : ")");
}

Option &Options::add(Option option) {
  option.group = group_;
  if (!option.library)
    option.value = option.fallback;
  if (option.fallback.empty())
    option.fallback = "none";
  options_.push_back(std::move(option));
  return options_.back();
}

Option &Options::add_integer(const std::string &name, std::int64_t fallback,
                             const std::string &unit, Interval range, const std::string &help,
                             std::function<void(std::int64_t)> store) {
  Option o{.name = name,
           .kind = "integer",
           .unit = unit,
           .range = range.text(),
           .fallback = std::to_string(fallback),
           .help = help};
  o.parse = [range, store = std::move(store)](const std::string &text) {
    std::int64_t value = 0;
    std::string wrong = check_integer(text, range, &value);
    if (wrong.empty())
      store(value);
    return wrong;
  };
  return add(std::move(o));
}

Option &Options::real(const std::string &name, double &variable, const std::string &unit,
                      Interval range, const std::string &help) {
  Option o{.name = name,
           .kind = "real",
           .unit = unit,
           .range = range.text(),
           .fallback = shortest(variable),
           .help = help};
  o.parse = [range, &variable](const std::string &text) {
    return check_real(text, range, &variable);
  };
  return add(std::move(o));
}

Option &Options::integers(const std::string &name, std::vector<std::int64_t> &variable,
                          const std::string &unit, Interval range, const std::string &help) {
  Option o{.name = name,
           .kind = "integer,…",
           .unit = unit,
           .range = range.text(),
           .fallback = joined(variable),
           .help = help};
  o.parse = [range, &variable](const std::string &text) {
    return parse_list(text, &variable, [range](const std::string &part, std::int64_t *value) {
      return check_integer(part, range, value);
    });
  };
  return add(std::move(o));
}

Option &Options::reals(const std::string &name, std::vector<double> &variable,
                       const std::string &unit, Interval range, const std::string &help) {
  Option o{.name = name,
           .kind = "real,…",
           .unit = unit,
           .range = range.text(),
           .fallback = joined(variable),
           .help = help};
  o.parse = [range, &variable](const std::string &text) {
    return parse_list(text, &variable, [range](const std::string &part, double *value) {
      return check_real(part, range, value);
    });
  };
  return add(std::move(o));
}

Option &Options::seed(const std::string &name, std::uint64_t &variable, const std::string &help) {
  Option o{.name = name,
           .kind = "integer",
           .unit = "1",
           .range = "[0, 18446744073709551615]",
           .fallback = std::to_string(variable),
           .help = help};
  o.parse = [&variable](const std::string &text) {
    return parse_number(text, &variable) ? "" : "is not an integer in that range";
  };
  return add(std::move(o));
}

Option &Options::flag(const std::string &name, bool &variable, const std::string &help) {
  Option o{.name = name,
           .kind = "flag",
           .unit = "1",
           .range = "true | false",
           .fallback = variable ? "true" : "false",
           .help = help};
  o.parse = [&variable](const std::string &text) {
    for (const char *yes : {"", "true", "yes", "on", "1"})
      if (text == yes)
        return variable = true, "";
    for (const char *no : {"false", "no", "off", "0"})
      if (text == no)
        return variable = false, "";
    return "is not a truth value";
  };
  return add(std::move(o));
}

Option &Options::choice(const std::string &name, std::string &variable,
                        std::vector<std::string> allowed, const std::string &help) {
  Option o{.name = name,
           .kind = "name",
           .unit = "none",
           .range = joined(allowed, " | "),
           .fallback = variable.empty() ? "none" : variable,
           .help = help};
  o.parse = [allowed = std::move(allowed), &variable](const std::string &text) {
    if (std::find(allowed.begin(), allowed.end(), text) == allowed.end())
      return "is not one of them";
    variable = text;
    return "";
  };
  return add(std::move(o));
}

Option &Options::choices(const std::string &name, std::vector<std::string> &variable,
                         std::vector<std::string> allowed, const std::string &help) {
  Option o{.name = name,
           .kind = "name,…",
           .unit = "none",
           .range = joined(allowed, " | "),
           .fallback = joined(variable),
           .help = help};
  o.parse = [allowed = std::move(allowed), &variable](const std::string &text) {
    std::vector<std::string> seen;
    return parse_list(text, &variable, [&](const std::string &part, std::string *value) {
      *value = part;
      const bool known = std::find(allowed.begin(), allowed.end(), part) != allowed.end();
      const bool again = std::find(seen.begin(), seen.end(), part) != seen.end();
      seen.push_back(part);
      return std::string(!known ? "is not one of them" : again ? "stands there twice" : "");
    });
  };
  return add(std::move(o));
}

Option &Options::file(const std::string &name, std::string &variable, const std::string &help) {
  Option o{.name = name,
           .kind = "file",
           .unit = "none",
           .range = "FILE or FILE.h5:/object",
           .fallback = variable.empty() ? "none" : variable,
           .help = help};
  o.path = true;
  o.parse = [&variable](const std::string &text) {
    variable = text;
    return text.empty() ? "is empty" : "";
  };
  return add(std::move(o));
}

Option &Options::duration(const std::string &name, double &seconds, const std::string &help) {
  Option o{.name = name,
           .kind = "time",
           .unit = "s",
           .range = "≥ 0, or h:mm:ss",
           .fallback = shortest(seconds),
           .help = help};
  o.parse = [&seconds](const std::string &text) -> std::string {
    double total = 0;
    std::size_t parts = 0;
    for (std::size_t begin = 0; begin <= text.size(); ++parts) {
      const std::size_t end = std::min(text.find(':', begin), text.size());
      double part = 0;
      if (!parse_number(text.substr(begin, end - begin), &part) || !(part >= 0))
        return "is not a time";
      total = 60 * total + part;
      begin = end + 1;
    }
    if (parts > 3)
      return "has more than three parts";
    seconds = total;
    return "";
  };
  return add(std::move(o));
}

Option &Options::library(const std::string &name, const std::string &unit, const std::string &range,
                         const std::string &fallback, const std::string &help) {
  Option o{.name = name,
           .kind = "value",
           .unit = unit,
           .range = range,
           .fallback = fallback,
           .help = help};
  o.library = true;
  o.value = fallback;
  return add(std::move(o));
}

Option &Options::library_number(const std::string &name, bool whole, Interval range,
                                const std::string &fallback, const std::string &help) {
  Option &o = library(name, "1", range.text(), fallback, help);
  o.kind = whole ? "integer" : "real";
  o.parse = [range, whole](const std::string &text) {
    std::int64_t integer = 0;
    double real = 0;
    return whole ? check_integer(text, range, &integer) : check_real(text, range, &real);
  };
  return o;
}

void Options::exclude(const std::string &name, std::vector<std::string> others) {
  exclusions_.emplace_back(name, std::move(others));
}

void Options::accept_prefix(const std::string &prefix, const std::string &what) {
  prefixes_.emplace_back(prefix, what);
}

bool Options::given(const std::string &name) const {
  const auto found = std::find_if(options_.begin(), options_.end(),
                                  [&](const Option &o) { return o.name == name; });
  return found != options_.end() && found->source != "default";
}

PetscErrorCode Options::read_values(int argc, char **argv, std::string *problems) {
  PetscFunctionBeginUser;
  const char *environment = std::getenv("PETSC_OPTIONS");
  const std::string inherited = std::string(" ") + (environment ? environment : "") + " ";
  for (Option &o : options_) {
    const char *text = nullptr;
    PetscBool set = PETSC_FALSE;
    PetscCall(PetscOptionsFindPair(nullptr, nullptr, o.name.c_str(), &text, &set));
    if (!set)
      continue;
    o.value = text ? text : "";
    const bool typed = std::find(argv + 1, argv + argc, o.name) != argv + argc;
    o.source = typed                                                     ? "command line"
               : inherited.find(" " + o.name + " ") != std::string::npos ? "environment"
                                                                         : "file";
    if (!o.parse)
      continue;
    const std::string wrong = o.value.empty() && o.kind != "flag" ? "is missing" : o.parse(o.value);
    if (!wrong.empty())
      *problems += "option " + o.name + ": value '" + o.value + "' " + wrong +
                   "; allowed: " + o.range +
                   (o.unit == "1" || o.unit == "none" ? "" : " " + o.unit) + " (default " +
                   o.fallback + ")\n";
  }
  for (const auto &[name, others] : exclusions_)
    for (const std::string &other : others)
      if (given(name) && given(other))
        *problems += "option " + other + " has no effect beside " + name + "; give one of them\n";
  // PETSc drops words that belong to no option without a sound.
  for (int i = 1; i < argc; ++i)
    if (!is_key(argv[i]))
      *problems += std::string("word '") + argv[i] +
                   "' belongs to no option; options look like -name value\n";
    else if (i + 1 < argc && !is_key(argv[i + 1]))
      ++i;
  PetscFunctionReturn(PETSC_SUCCESS);
}

bool Options::accepted(const std::string &name) const {
  if (is_petsc_option(name))
    return true;
  for (const Option &o : options_)
    if (o.name == "-" + name)
      return true;
  return std::any_of(prefixes_.begin(), prefixes_.end(),
                     [&](const auto &p) { return ("-" + name).starts_with(p.first); });
}

std::string Options::nearest(const std::string &name) const {
  std::string best;
  std::size_t distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  const auto consider = [&](const std::string &known) {
    const std::size_t d = edit_distance(name, known);
    if (d < distance) {
      distance = d;
      best = known;
    }
  };
  for (const Option &o : options_)
    consider(o.name.substr(1));
  for (const char *known : petsc_options)
    consider(known);
  return best;
}

PetscErrorCode Options::find_others() {
  PetscFunctionBeginUser;
  char *text = nullptr;
  PetscCall(PetscOptionsGetAll(nullptr, &text));
  std::istringstream words(text ? text : "");
  PetscCall(PetscFree(text));
  bool taken = false;
  for (std::string word; words >> word;) {
    if (is_key(word.c_str())) {
      taken = std::any_of(prefixes_.begin(), prefixes_.end(),
                          [&](const auto &p) { return word.starts_with(p.first); }) &&
              std::none_of(options_.begin(), options_.end(),
                           [&](const Option &o) { return o.name == word; });
      if (taken)
        others_.emplace_back(word, "");
    } else if (taken) {
      others_.back().second += (others_.back().second.empty() ? "" : " ") + word;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Options::find_unknown(std::string *problems) {
  PetscFunctionBeginUser;
  PetscBool wanted = PETSC_TRUE;
  PetscBool set = PETSC_FALSE;
  char left[16] = "";
  PetscCall(PetscOptionsGetString(nullptr, nullptr, "-options_left", left, sizeof left, &set));
  if (set && *left)
    PetscCall(PetscOptionsStringToBool(left, &wanted));
  if (!wanted)
    PetscFunctionReturn(PETSC_SUCCESS);
  PetscInt count = 0;
  char **names = nullptr;
  char **values = nullptr;
  PetscCall(PetscOptionsLeftGet(nullptr, &count, &names, &values));
  for (PetscInt i = 0; i < count; ++i) {
    std::string name = names[i];
    if (accepted(name))
      continue;
    *problems += "unknown option -" + name;
    name.erase(0, name.find_first_not_of('-'));
    if (const std::string close = nearest(name); !close.empty())
      *problems += "; did you mean -" + close + "?";
    *problems += " (-help lists all)\n";
  }
  PetscCall(PetscOptionsLeftRestore(nullptr, &count, &names, &values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Options::read(MPI_Comm comm, int argc, char **argv, std::string *problems) {
  PetscFunctionBeginUser;
  problems->clear();
  PetscCall(read_values(argc, argv, problems));
  PetscCall(find_others());
  PetscCall(find_unknown(problems));
  // Ranks started with different arguments (mpiexec's colon syntax) would part ways later.
  std::string mine;
  for (const Option &o : options_)
    mine += o.name + "=" + o.value + "\n";
  mine += *problems;
  std::uint64_t digest[2] = {14695981039346656037U, 0}; // FNV-1a and its complement
  for (const char c : mine)
    digest[0] = (digest[0] ^ static_cast<unsigned char>(c)) * 1099511628211U;
  digest[1] = ~digest[0];
  std::uint64_t highest[2];
  PetscCallMPI(MPI_Allreduce(digest, highest, 2, MPI_UINT64_T, MPI_MAX, comm));
  if (highest[0] != ~highest[1])
    *problems = "the ranks were started with different options\n";
  PetscFunctionReturn(PETSC_SUCCESS);
}

std::string Options::help_text(const std::string &driver, const std::string &title) const {
  std::string text = driver + ": " + title + "\n\nUsage: mpiexec -n P " + driver +
                     " [options]; also from -options_file FILE (plain or YAML) and PETSC_OPTIONS\n";
  std::string group;
  for (const Option &o : options_) {
    if (o.group != group)
      text += "\n" + o.group + "\n";
    group = o.group;
    text += "  " + o.name + " <" + o.kind + ">  " + o.help + "\n      unit: " + o.unit +
            "; range: " + o.range + "; default: " + o.fallback + "\n";
  }
  for (const auto &[prefix, what] : prefixes_)
    text += "\n  " + prefix + "…  " + what + "\n";
  return text;
}

} // namespace lathe::driver
