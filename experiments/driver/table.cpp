// SPDX-License-Identifier: BSD-2-Clause
// Records of cases as variables of the result file, and as lines for people.
#include "driver/state.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace lathe::driver {
namespace {

constexpr double missing_real = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t missing_integer = std::numeric_limits<std::int64_t>::min();

std::int64_t as_integer(double x) {
  return std::isnan(x) ? missing_integer : static_cast<std::int64_t>(x);
}

/// The numbers of a value: one, or those of an array.
std::vector<double> numbers(const Value *value) {
  if (!value)
    return {missing_real};
  if (const auto *real = std::get_if<double>(value))
    return {*real};
  if (const auto *integer = std::get_if<std::int64_t>(value))
    return {static_cast<double>(*integer)};
  if (const auto *array = std::get_if<Array>(value))
    return array->values;
  return {missing_real};
}

PetscErrorCode write_numbers(ResultFile &file, const std::string &path, const Column &column,
                             const ResultFile::Dims &dims, const std::vector<double> &values) {
  PetscFunctionBeginUser;
  if (column.kind == Kind::real) {
    PetscCall(file.reals(path, column, dims, values));
  } else if (column.kind == Kind::integer) {
    std::vector<std::int64_t> integers(values.size());
    std::transform(values.begin(), values.end(), integers.begin(), as_integer);
    PetscCall(file.integers(path, column, dims, integers));
  } else {
    std::vector<std::int8_t> bytes(values.size());
    std::transform(values.begin(), values.end(), bytes.begin(),
                   [](double x) { return static_cast<std::int8_t>(std::isnan(x) ? -1.0 : x); });
    PetscCall(file.flags(path, column, dims, bytes));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Copy a row-major array into the corner of a larger one.
void place(const Array &array, const std::vector<std::int64_t> &extents, double *out) {
  for (std::size_t flat = 0; flat < array.values.size(); ++flat) {
    std::int64_t rest = static_cast<std::int64_t>(flat);
    std::int64_t target = 0;
    std::int64_t stride = 1;
    for (std::size_t axis = extents.size(); axis-- > 0;) {
      target += rest % array.shape[axis] * stride;
      rest /= array.shape[axis];
      stride *= extents[axis];
    }
    out[target] = array.values[flat];
  }
}

/// Arrays of all cases in one variable, padded with NaN to the largest.
PetscErrorCode write_arrays(Driver::State &state, const std::string &dimension,
                            const std::vector<Case> &cases, const Column &column) {
  PetscFunctionBeginUser;
  std::vector<std::int64_t> extents(column.dims.size(), 0);
  for (const Case &c : cases)
    if (const auto *array = c.record.get<Array>(column.name)) {
      PetscCheck(array->shape.size() == extents.size(), state.comm, PETSC_ERR_PLIB,
                 "column %s has %d dimensions, case %s gave %d", column.name.c_str(),
                 static_cast<int>(extents.size()), c.name.c_str(),
                 static_cast<int>(array->shape.size()));
      for (std::size_t axis = 0; axis < extents.size(); ++axis)
        extents[axis] = std::max(extents[axis], array->shape[axis]);
    }
  ResultFile::Dims dims;
  if (!dimension.empty())
    dims.push_back(dimension);
  std::size_t per_case = 1;
  for (std::size_t axis = 0; axis < extents.size(); ++axis) {
    std::int64_t defined = -1;
    PetscCall(state.file.dimension_size(column.dims[axis], &defined));
    if (defined < 0)
      PetscCall(state.file.dimension(column.dims[axis], extents[axis]));
    PetscCheck(defined < 0 || extents[axis] <= defined, state.comm, PETSC_ERR_PLIB,
               "column %s exceeds its dimension %s", column.name.c_str(),
               column.dims[axis].c_str());
    extents[axis] = std::max(extents[axis], defined);
    dims.push_back(column.dims[axis]);
    per_case *= static_cast<std::size_t>(extents[axis]);
  }
  std::vector<double> values(cases.size() * per_case, missing_real);
  for (std::size_t i = 0; i < cases.size(); ++i)
    if (const auto *array = cases[i].record.get<Array>(column.name))
      place(*array, extents, values.data() + i * per_case);
  PetscCall(write_numbers(state.file, column.name, column, dims, values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Each case's array in a group of its own: /<column>/<case>/<column>.
PetscErrorCode write_groups(Driver::State &state, const std::vector<Case> &cases,
                            const Column &column) {
  PetscFunctionBeginUser;
  for (const Case &c : cases) {
    const auto *array = c.record.get<Array>(column.name);
    if (!array)
      continue;
    std::string name = c.name;
    std::replace(name.begin(), name.end(), '/', '.'); // case names are paths in the input file
    const std::string group = "/" + column.name + "/" + name;
    PetscCall(state.file.group(group));
    for (std::size_t axis = 0; axis < column.dims.size(); ++axis)
      PetscCall(state.file.dimension(group + "/" + column.dims[axis], array->shape.at(axis)));
    PetscCall(
        write_numbers(state.file, group + "/" + column.name, column, column.dims, array->values));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode write_column(Driver::State &state, const std::string &dimension,
                            const std::vector<Case> &cases, const Column &column) {
  PetscFunctionBeginUser;
  if (column.own_group) {
    PetscCall(write_groups(state, cases, column));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  if (!column.dims.empty() && column.kind != Kind::text) {
    PetscCall(write_arrays(state, dimension, cases, column));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  ResultFile::Dims dims;
  if (!dimension.empty())
    dims.push_back(dimension);
  if (column.kind == Kind::text) {
    std::vector<std::string> texts;
    for (const Case &c : cases) {
      const auto *text = c.record.get<std::string>(column.name);
      texts.push_back(text ? *text : "");
    }
    PetscCall(state.file.texts(column.name, column, dims, texts));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  std::vector<double> values;
  for (const Case &c : cases)
    values.push_back(numbers(c.record.find(column.name)).at(0));
  PetscCall(write_numbers(state.file, column.name, column, dims, values));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode write_case_names(Driver::State &state, const std::string &dimension,
                                const std::vector<Case> &cases) {
  PetscFunctionBeginUser;
  const std::string prefix = state.names_taken ? dimension + "_" : "";
  state.names_taken = true;
  std::vector<std::int64_t> index;
  std::vector<std::string> names;
  std::vector<std::string> failures;
  std::vector<std::int8_t> status;
  for (const Case &c : cases) {
    index.push_back(static_cast<std::int64_t>(index.size()));
    names.push_back(c.name);
    failures.push_back(c.failure);
    status.push_back(static_cast<std::int8_t>(c.status));
  }
  PetscCall(state.file.coordinate(
      dimension, {.kind = Kind::integer, .long_name = "index of the " + dimension}, index));
  PetscCall(state.file.texts(prefix + "name", {.long_name = "name of the " + dimension},
                             {dimension}, names));
  PetscCall(state.file.flags(prefix + "status",
                             {.kind = Kind::flag,
                              .long_name = "whether the case was computed",
                              .meanings = {"completed", "failed", "not_run"}},
                             {dimension}, status));
  PetscCall(state.file.texts(prefix + "failure", {.long_name = "why the case failed; else empty"},
                             {dimension}, failures));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode write_table(Driver::State &state, const std::string &dimension,
                           const std::vector<Case> &cases, std::span<const Column> columns) {
  PetscFunctionBeginUser;
  Driver driver(state);
  ResultFile *file = nullptr;
  PetscCall(driver.file(&file));
  const std::string owner = dimension.empty() ? cases[0].name : dimension;
  const std::string seconds = state.seconds_taken ? owner + "_seconds" : "seconds";
  if (!dimension.empty())
    PetscCall(write_case_names(state, dimension, cases));
  else if (cases[0].status == CaseStatus::failed)
    PetscCall(file->attribute("/", "failure", cases[0].failure));
  bool has_seconds = false;
  for (const Column &column : columns) {
    has_seconds = has_seconds || column.name == "seconds";
    if (!(column.is_volatile && state.common.reproducible))
      PetscCall(write_column(state, dimension, cases, column));
  }
  state.seconds_taken = state.seconds_taken || has_seconds;
  const bool timed = !cases.empty() && !has_seconds && !state.common.reproducible;
  if (timed && std::any_of(cases.begin(), cases.end(),
                           [](const Case &c) { return c.record.find("seconds") != nullptr; })) {
    std::vector<double> values;
    for (const Case &c : cases)
      values.push_back(numbers(c.record.find("seconds")).at(0));
    const Column column{.name = seconds,
                        .units = "s",
                        .long_name = "wall time of the case, largest over the ranks"};
    PetscCall(write_numbers(*file, seconds, column,
                            dimension.empty() ? ResultFile::Dims{} : ResultFile::Dims{dimension},
                            values));
    state.seconds_taken = true;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

std::string result_line(const std::string &label, std::span<const Column> columns,
                        const Record &record) {
  std::string line = label;
  for (const Column &column : columns) {
    const Value *value = record.find(column.name);
    char text[64] = "";
    if (!value)
      continue;
    std::string words;
    if (const auto *array = std::get_if<Array>(value)) {
      if (!column.in_line || array->values.empty())
        continue;
      const auto largest =
          std::max_element(array->values.begin(), array->values.end(), [](double a, double b) {
            return !std::isnan(a) && (std::isnan(b) || a < b);
          });
      words = array->values.size() > 1 ? "at most " : "";
      std::snprintf(text, sizeof text, "%.3g", *largest);
    } else if (const auto *real = std::get_if<double>(value))
      std::snprintf(text, sizeof text, "%.10g", *real);
    else if (const auto *integer = std::get_if<std::int64_t>(value)) {
      const auto i = static_cast<std::size_t>(*integer);
      if (column.kind == Kind::flag && i < column.meanings.size())
        std::snprintf(text, sizeof text, "%s", column.meanings[i].c_str());
      else
        std::snprintf(text, sizeof text, "%lld", static_cast<long long>(*integer));
    } else if (const auto *string = std::get_if<std::string>(value))
      words = *string;
    if (!*text && words.empty())
      continue;
    line += "  " + column.name + " " + words + text;
    if (column.units != "1" && column.kind != Kind::text && column.kind != Kind::flag)
      line += " " + column.units;
  }
  return line;
}

} // namespace lathe::driver
