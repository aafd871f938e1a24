// SPDX-License-Identifier: BSD-2-Clause
// log_bessel: log I_v(x) and log K_v(x) at the points of a file or a grid, their derivatives, and
// their errors against reference values.
#include "bessel/log_bessel_batch.h"
#include "bessel/region.h"
#include "driver/column_file.h"
#include "driver/driver.h"
#include "driver/kept_rows.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace {

using namespace lathe::driver;
using lathe::Range;

struct Settings {
  std::string points, reference, spacing = "log", accuracy = "full";
  std::vector<double> v_range{1e-2, 1e2}, x_range{1e-2, 1e2};
  std::vector<std::int64_t> n{64};
  bool derivatives = false;
};

void declare(Options &o, Settings &s) {
  o.group("Points from a file");
  o.file(
      "-points", s.points,
      "columns v and x: CSV whose first line names them (decimal or 0x1.8p-3; also .gz), or HDF5 "
      "(FILE.h5 or FILE.h5:/group) with datasets v and x");
  o.file("-reference", s.reference,
         "columns log_i and log_k (also the derivatives) with more digits than a double, a row for "
         "each point; without -points also v and x");
  o.group("Grid, when both are absent");
  o.reals("-v_range", s.v_range, "1", Interval::at_least(0), "first and last order");
  o.reals("-x_range", s.x_range, "1", Interval::at_least(0), "first and last argument");
  o.integers("-n", s.n, "points", Interval::closed(1, 2147483647),
             "orders, arguments; one value for both");
  o.choice("-spacing", s.spacing, {"log", "linear"}, "of orders and of arguments");
  o.group("Functions");
  o.flag("-derivatives", s.derivatives, "also the derivatives by argument and order");
  o.choice("-accuracy", s.accuracy, {"full", "fast"},
           "full: 3 eps of max(1, |log|); fast: 4 eps of max(1, |log|, sqrt(v^2+x^2))");
}

/// What is computed at each point: name in the file, name of its error, text.
struct Function {
  const char *name, *error, *long_name;
};
constexpr std::array<Function, 6> functions{
    {{"log_i", "error_i", "logarithm of the modified Bessel function I"},
     {"log_k", "error_k", "logarithm of the modified Bessel function K"},
     {"dlog_i_dx", "error_dlog_i_dx", "derivative of log_i by x"},
     {"dlog_k_dx", "error_dlog_k_dx", "derivative of log_k by x"},
     {"dlog_i_dv", "error_dlog_i_dv", "derivative of log_i by v"},
     {"dlog_k_dv", "error_dlog_k_dv", "derivative of log_k by v"}}};

/// How many of them are computed.
std::size_t wanted(const Settings &s) {
  return s.derivatives ? functions.size() : 2;
}

/// This rank's points, values and reference.
struct Table {
  std::int64_t rows = 0;
  Range mine;
  std::vector<double> v, x;
  std::array<std::vector<double>, functions.size()> value;
  std::array<ColumnTable::Column, functions.size()> reference;
};

// --- points
// ---------------------------------------------------------------------------------------

double spaced(const std::vector<double> &range, std::int64_t k, std::int64_t n, bool logarithmic) {
  if (k == 0)
    return range[0];
  if (k == n - 1)
    return range[1];
  const double t = static_cast<double>(k) / static_cast<double>(n - 1);
  if (!logarithmic)
    return range[0] + t * (range[1] - range[0]);
  return std::exp((1 - t) * std::log(range[0]) + t * std::log(range[1]));
}

PetscErrorCode make_grid(Driver &d, const Settings &s, Table *table) {
  PetscFunctionBeginUser;
  for (const auto &[name, range] : {std::pair{"-v_range", &s.v_range}, {"-x_range", &s.x_range}}) {
    PetscCheck(range->size() == 2 && (*range)[0] <= (*range)[1], d.comm(), PETSC_ERR_USER_INPUT,
               "%s needs two values, the first not above the second", name);
    PetscCheck(s.spacing != "log" || (*range)[0] > 0, d.comm(), PETSC_ERR_USER_INPUT,
               "%s begins at 0, which has no place on a logarithmic grid; give a positive value or "
               "-spacing linear",
               name);
  }
  PetscCheck(s.n.size() <= 2, d.comm(), PETSC_ERR_USER_INPUT, "-n has %d values; must be 1 or 2",
             static_cast<int>(s.n.size()));
  int rank = 0;
  int size = 1;
  PetscCallMPI(MPI_Comm_rank(d.comm(), &rank));
  PetscCallMPI(MPI_Comm_size(d.comm(), &size));
  const std::int64_t orders = s.n.front();
  const std::int64_t arguments = s.n.back();
  table->rows = orders * arguments;
  table->mine = lathe::block_range(table->rows, size, rank);
  const bool logarithmic = s.spacing == "log";
  LatheGuard(
      d.comm(), for (std::int64_t i = table->mine.begin; i < table->mine.end; ++i) {
        table->v.push_back(spaced(s.v_range, i / arguments, orders, logarithmic));
        table->x.push_back(spaced(s.x_range, i % arguments, arguments, logarithmic));
      });
  PetscCall(d.input_fact("grid_orders", orders));
  PetscCall(d.input_fact("grid_arguments", arguments));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Reference values, and the points where no other file has them.
PetscErrorCode read_reference(Driver &d, const Settings &s, Table *table) {
  PetscFunctionBeginUser;
  PetscCall(d.input_file("reference", s.reference));
  const bool has_points = !s.points.empty();
  std::vector<ColumnRequest> requests{{.name = "v", .optional = has_points, .least = 0},
                                      {.name = "x", .optional = has_points, .least = 0}};
  for (const Function &f : functions)
    requests.push_back({.name = f.name, .optional = true, .with_remainder = true});
  ColumnTable read;
  PetscCall(ReadColumns(d.comm(), s.reference, requests, &read));
  PetscCheck(read.columns[2].present || read.columns[3].present, d.comm(), PETSC_ERR_USER_INPUT,
             "-reference %s has neither a column log_i nor log_k", s.reference.c_str());
  if (!has_points) {
    table->rows = read.rows;
    table->mine = read.mine;
    table->v = std::move(read.columns[0].values);
    table->x = std::move(read.columns[1].values);
  }
  PetscCheck(read.rows == table->rows, d.comm(), PETSC_ERR_USER_INPUT,
             "-reference has %lld rows, -points %lld", static_cast<long long>(read.rows),
             static_cast<long long>(table->rows));
  for (std::size_t column = 0; has_points && column < 2; ++column) {
    const std::vector<double> &points = column == 0 ? table->v : table->x;
    const std::vector<double> &given = read.columns[column].values;
    const auto differs = read.columns[column].present
                             ? std::mismatch(given.begin(), given.end(), points.begin()).first
                             : given.end();
    LatheCheckAll(d.comm(), differs == given.end(), PETSC_ERR_USER_INPUT,
                  "-reference belongs to other points: %s of row %lld is %.17g, in -points it is "
                  "%.17g",
                  column == 0 ? "v" : "x",
                  static_cast<long long>(table->mine.begin + (differs - given.begin())), *differs,
                  points[static_cast<std::size_t>(differs - given.begin())]);
  }
  for (std::size_t f = 0; f < functions.size(); ++f)
    table->reference[f] = std::move(read.columns[f + 2]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode get_points(Driver &d, const Settings &s, Table *table) {
  PetscFunctionBeginUser;
  if (!s.points.empty()) {
    PetscCall(d.input_file("points", s.points));
    const std::vector<ColumnRequest> requests{{.name = "v", .least = 0}, {.name = "x", .least = 0}};
    ColumnTable read;
    PetscCall(ReadColumns(d.comm(), s.points, requests, &read));
    table->rows = read.rows;
    table->mine = read.mine;
    table->v = std::move(read.columns[0].values);
    table->x = std::move(read.columns[1].values);
  }
  if (!s.reference.empty())
    PetscCall(read_reference(d, s, table));
  else if (s.points.empty())
    PetscCall(make_grid(d, s, table));
  PetscCall(d.input_fact("points", table->rows));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// --- values
// ---------------------------------------------------------------------------------------

/// Points that are evaluated together.
constexpr std::int64_t chunk = 1 << 14;

/// Values of this rank's points [begin, end).
void evaluate(const Settings &s, std::size_t begin, std::size_t end, Table *table) {
  namespace bessel = lathe::bessel;
  const std::size_t count = end - begin;
  const std::span<const double> v(table->v.data() + begin, count);
  const std::span<const double> x(table->x.data() + begin, count);
  const std::span<double> log_i(table->value[0].data() + begin, count);
  const std::span<double> log_k(table->value[1].data() + begin, count);
  if (!s.derivatives) {
    if (s.accuracy == "full")
      bessel::log_bessel_ik<bessel::Accuracy::full>(v, x, log_i, log_k);
    else
      bessel::log_bessel_ik<bessel::Accuracy::fast>(v, x, log_i, log_k);
    return;
  }
  std::vector<bessel::LogBesselDerivatives> all(count);
  for (std::size_t f = 0; f < 2; ++f) {
    if (f == 0)
      bessel::log_bessel_i_derivatives(v, x, all);
    else
      bessel::log_bessel_k_derivatives(v, x, all);
    for (std::size_t j = 0; j < count; ++j) {
      table->value[f][begin + j] = all[j].value;
      table->value[f + 2][begin + j] = all[j].dx;
      table->value[f + 4][begin + j] = all[j].dv;
    }
  }
}

/// In units of 2⁻⁵²: of max(1, |reference|) for logarithms and ∂v log I, which passes through zero
/// and is exponentially small beside its terms; of |reference| for the other derivatives. NaN where
/// nothing was computed.
double error_in_eps(std::size_t function, double got, double reference, double remainder) {
  if (std::isinf(reference))
    return got == reference ? 0 : std::numeric_limits<double>::infinity();
  const bool relative = function == 2 || function == 3 || function == 5;
  const double size =
      std::max(relative ? std::numeric_limits<double>::min() : 1.0, std::fabs(reference));
  return std::fabs(got - reference - remainder) / size / 0x1p-52;
}

struct Worst {
  double error = 0, v = 0, x = 0;
};

/// The largest error of a function and where, the same on every rank. Collective.
PetscErrorCode find_worst(MPI_Comm comm, const Table &t, const std::vector<double> &errors,
                          Worst *worst) {
  PetscFunctionBeginUser;
  const auto size = [](double error) { // a NaN is the worst of all
    return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
  };
  const auto found = std::max_element(errors.begin(), errors.end(),
                                      [&](double a, double b) { return size(a) < size(b); });
  struct {
    double error;
    int rank;
  } mine{found == errors.end() ? -1 : size(*found), 0};
  PetscCallMPI(MPI_Comm_rank(comm, &mine.rank));
  if (found != errors.end()) {
    const auto at = static_cast<std::size_t>(found - errors.begin());
    *worst = {mine.error, t.v[at], t.x[at]};
  }
  // equal errors: the lowest rank, so the first point
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &mine, 1, MPI_DOUBLE_INT, MPI_MAXLOC, comm));
  PetscCallMPI(MPI_Bcast(worst, 3, MPI_DOUBLE, mine.rank, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

std::vector<double> errors_of(const Table &t, std::size_t f) {
  const ColumnTable::Column &reference = t.reference[f];
  std::vector<double> errors(t.value[f].size());
  for (std::size_t i = 0; i < errors.size(); ++i)
    errors[i] = error_in_eps(f, t.value[f][i], reference.values[i], reference.remainders[i]);
  return errors;
}

const Column summary[] = {
    {.name = "points", .kind = Kind::integer, .long_name = "number of points"},
    {.name = "largest_error_i", .long_name = "largest of error_i"},
    {.name = "largest_error_i_v", .long_name = "order where error_i is largest"},
    {.name = "largest_error_i_x", .long_name = "argument where error_i is largest"},
    {.name = "largest_error_k", .long_name = "largest of error_k"},
    {.name = "largest_error_k_v", .long_name = "order where error_k is largest"},
    {.name = "largest_error_k_x", .long_name = "argument where error_k is largest"}};

/// Every `stride`-th chunk of the points from the first-th on: what one case computes, on all ranks
/// at once, and whose values are kept until the run ends.
struct Block {
  std::int64_t first, stride;
};

/// body(part) for this rank's parts of the block's chunks, in order.
template <class Body>
PetscErrorCode over_parts(const Block &block, const Range &mine, const Body &body) {
  PetscFunctionBeginUser;
  const std::int64_t skipped = std::max<std::int64_t>(0, mine.begin / chunk - block.first);
  const std::int64_t start = block.first + skipped / block.stride * block.stride;
  for (std::int64_t at = start * chunk; at < mine.end; at += block.stride * chunk) {
    const Range part{std::max(at, mine.begin), std::min(at + chunk, mine.end)};
    if (part.begin < part.end)
      PetscCall(body(part));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// The values of function f at points `part`, and their place in the file of kept rows.
std::span<double> part_of(Table *t, std::size_t f, const Range &part) {
  return {t->value[f].data() + (part.begin - t->mine.begin), static_cast<std::size_t>(part.size())};
}
std::int64_t place_of(const Table &t, std::size_t f, const Range &part) {
  return static_cast<std::int64_t>(f) * t.rows + part.begin;
}

PetscErrorCode evaluate_part(const Settings &s, const Range &part, Table *t) {
  PetscFunctionBeginUser;
  LatheGuard(PETSC_COMM_SELF, evaluate(s, static_cast<std::size_t>(part.begin - t->mine.begin),
                                       static_cast<std::size_t>(part.end - t->mine.begin), t));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Compute a block and keep its values.
PetscErrorCode ComputeBlock(Driver &d, const Settings &s, const Block &block, Table *t, Record *r) {
  PetscFunctionBeginUser;
  std::int64_t points = 0;
  std::uint64_t checksum = 0;
  PetscCall(over_parts(block, t->mine, [&](const Range &part) -> PetscErrorCode {
    PetscFunctionBeginUser;
    PetscCall(evaluate_part(s, part, t));
    for (std::size_t f = 0; f < wanted(s); ++f) {
      const std::int64_t place = place_of(*t, f, part);
      PetscCall(d.kept_rows().Write(place, part_of(t, f, part)));
      checksum += KeptRows::checksum(place, part_of(t, f, part));
    }
    points += part.size();
    PetscFunctionReturn(PETSC_SUCCESS);
  }));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &points, 1, MPI_INT64_T, MPI_SUM, d.comm()));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &checksum, 1, MPI_UINT64_T, MPI_SUM, d.comm()));
  r->integer("block_points", points);
  r->integer("checksum", static_cast<std::int64_t>(checksum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// The values of a block that an earlier life of the run kept; computed again where they do not
/// fit.
PetscErrorCode RestoreBlock(Driver &d, const Settings &s, const Block &block, const Record &r,
                            Table *t) {
  PetscFunctionBeginUser;
  std::uint64_t checksum = 0;
  PetscCall(over_parts(block, t->mine, [&](const Range &part) -> PetscErrorCode {
    PetscFunctionBeginUser;
    for (std::size_t f = 0; f < wanted(s); ++f) {
      const std::int64_t place = place_of(*t, f, part);
      PetscCall(d.kept_rows().Read(place, part_of(t, f, part)));
      checksum += KeptRows::checksum(place, part_of(t, f, part));
    }
    PetscFunctionReturn(PETSC_SUCCESS);
  }));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &checksum, 1, MPI_UINT64_T, MPI_SUM, d.comm()));
  const std::int64_t *kept = r.get<std::int64_t>("checksum");
  if (!kept || static_cast<std::uint64_t>(*kept) != checksum)
    PetscCall(
        over_parts(block, t->mine, [&](const Range &part) { return evaluate_part(s, part, t); }));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Summarise(Driver &d, const Table &table, Record *r) {
  PetscFunctionBeginUser;
  r->integer("points", table.rows);
  for (std::size_t f = 0; f < 2; ++f) {
    if (!table.reference[f].present)
      continue;
    Worst worst;
    PetscCall(find_worst(d.comm(), table, errors_of(table, f), &worst));
    const std::string name = std::string("largest_") + functions[f].error;
    r->real(name, worst.error);
    r->real(name + "_v", worst.v);
    r->real(name + "_x", worst.x);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Points of a block, about 0.02 s on one rank, unless there are more than the most blocks.
constexpr std::int64_t block_points = 1 << 18;
constexpr std::int64_t most_blocks = 256;

const Column block_columns[] = {
    {.name = "block_points", .kind = Kind::integer, .long_name = "points of the block"}};

PetscErrorCode EvaluateAll(Driver &d, const Settings &s, Table *table) {
  PetscFunctionBeginUser;
  const std::int64_t blocks =
      std::min(most_blocks, (table->rows + block_points - 1) / block_points);
  if (blocks <= 1) {
    PetscCall(d.run_case("points", summary, [&](Record &r) -> PetscErrorCode {
      PetscFunctionBeginUser;
      PetscCall(over_parts({0, 1}, table->mine,
                           [&](const Range &part) { return evaluate_part(s, part, table); }));
      PetscCall(Summarise(d, *table, &r));
      PetscFunctionReturn(PETSC_SUCCESS);
    }));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  std::vector<std::string> names;
  for (std::int64_t b = 0; b < blocks; ++b)
    names.push_back("block " + std::to_string(b));
  std::vector<bool> computed(names.size(), false);
  std::vector<Case> cases;
  PetscCall(d.run_cases(
      "block", names, block_columns,
      [&](std::size_t b, Record &r) {
        computed[b] = true;
        return ComputeBlock(d, s, {static_cast<std::int64_t>(b), blocks}, table, &r);
      },
      &cases));
  bool complete = true;
  for (std::size_t b = 0; b < cases.size(); ++b) {
    const bool completed = cases[b].status == CaseStatus::completed;
    complete = complete && completed;
    if (completed && !computed[b])
      PetscCall(RestoreBlock(d, s, {static_cast<std::int64_t>(b), blocks}, cases[b].record, table));
  }
  if (complete) {
    Record all;
    PetscCall(Summarise(d, *table, &all));
    PetscCall(d.write("points", summary, all));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

// --- result file
// ----------------------------------------------------------------------------------

Column column_of(const Settings &s, std::size_t f) {
  Column about{.name = functions[f].name, .long_name = functions[f].long_name};
  if (f < 2)
    about.attributes = {{"accuracy", s.derivatives || s.accuracy == "full"
                                         ? "3 * 2^-52 * max(1, |value|)"
                                         : "4 * 2^-52 * max(1, |value|, sqrt(v^2 + x^2))"}};
  return about;
}

PetscErrorCode write(Driver &d, const Settings &s, const Table &t) {
  PetscFunctionBeginUser;
  ResultFile *file = nullptr;
  PetscCall(d.file(&file));
  PetscCall(file->dimension("point", t.rows));
  const auto reals = [&](const Column &about, const std::vector<double> &values) {
    return file->rows(about.name, about, {"point"}, t.mine, values.data());
  };
  PetscCall(reals({.name = "v", .long_name = "order"}, t.v));
  PetscCall(reals({.name = "x", .long_name = "argument"}, t.x));
  for (std::size_t f = 0; f < wanted(s); ++f) {
    PetscCall(reals(column_of(s, f), t.value[f]));
    if (t.reference[f].present)
      PetscCall(
          reals({.name = functions[f].error,
                 .units = "1",
                 .long_name = std::string("error of ") + functions[f].name +
                              " against the reference in units of 2^-52",
                 .attributes = {{"comment", f == 0 || f == 1 || f == 4 ? "over max(1, |reference|)"
                                                                       : "over |reference|"}}},
                errors_of(t, f)));
  }
  Column about{.name = "region", .kind = Kind::flag, .long_name = "expansion that was used"};
  for (const char *name : lathe::bessel::region_names)
    about.meanings.emplace_back(name);
  std::vector<std::int8_t> regions(t.v.size());
  for (std::size_t i = 0; i < regions.size(); ++i)
    regions[i] = static_cast<std::int8_t>(lathe::bessel::region(t.v[i], t.x[i]));
  PetscCall(file->flag_rows(about.name, about, {"point"}, t.mine, regions.data()));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode compute(Driver &d, const Settings &s) {
  PetscFunctionBeginUser;
  PetscCheck(!s.derivatives || s.accuracy == "full", d.comm(), PETSC_ERR_USER_INPUT,
             "-accuracy fast has no derivatives; leave out one of the two options");
  PetscCall(d.phase("read"));
  Table table;
  PetscCall(get_points(d, s, &table));
  const std::size_t mine = table.v.size();
  LatheGuard(d.comm(), for (std::size_t f = 0; f < wanted(s); ++f) table.value[f].assign(
                           mine, std::numeric_limits<double>::quiet_NaN()));
  PetscCall(EvaluateAll(d, s, &table));
  PetscCall(d.phase("output"));
  PetscCall(write(d, s, table));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  Settings settings;
  const About about{"log_bessel", "Logarithms of the modified Bessel functions I and K",
                    "Plesner, Sorensen, Hauberg: Accurate computation of the logarithm of modified "
                    "Bessel functions on GPUs, ICS 2024; NIST DLMF 10.25, 10.41",
                    "R0"};
  return run(
      argc, argv, about, [&](Options &o) { declare(o, settings); },
      [&](Driver &d) { return compute(d, settings); });
}
