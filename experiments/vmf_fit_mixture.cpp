// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/vmf_mixture.h"
#include "vmf_fit_cases.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace vmf_fit {

namespace bessel = lathe::bessel;

namespace {

const Column start_columns[] = {
    {.name = "start_log_likelihood", .long_name = "log-likelihood of the fitted model"},
    {.name = "start_steps",
     .kind = Kind::integer,
     .long_name = "steps of expectation maximisation"},
    {.name = "start_converged",
     .kind = Kind::flag,
     .long_name = "whether the log-likelihood came to rest",
     .meanings = {"no", "yes"}},
    {.name = "start_empty",
     .kind = Kind::integer,
     .long_name = "components that lost all their rows"},
    {.name = "trace_log_likelihood",
     .long_name = "log-likelihood before each step",
     .dims = {"em_step"}},
};

PetscErrorCode keep_step(const LatheVmfStep *step, void *context) {
  PetscFunctionBeginUser;
  static_cast<std::vector<double> *>(context)->push_back(step->log_likelihood);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Owner of a fitted model.
struct Model {
  LatheVmfModel m{};
  Model() = default;
  Model(const Model &) = delete;
  Model &operator=(const Model &) = delete;
  ~Model() { (void)LatheVmfModelDestroy(&m); }
};

/// One start: all of the model goes into the record, so that a checkpoint holds it.
PetscErrorCode fit_start(Driver &d, const Settings &s, const LatheVmfRows &rows, std::size_t start,
                         Record *r) {
  PetscFunctionBeginUser;
  std::vector<double> trace;
  Model model;
  LatheVmfOptions options;
  PetscCall(LatheVmfOptionsSetDefaults(&options));
  options.components = static_cast<PetscInt>(s.components);
  options.estimator = s.estimator == "mle" ? LATHE_VMF_MLE : LATHE_VMF_CORRECTED;
  options.normalize = s.normalize ? PETSC_TRUE : PETSC_FALSE;
  options.tolerance = s.tolerance;
  options.max_steps = s.max_steps;
  options.kappa_max = s.kappa_max;
  options.seed = d.seed();
  options.stream = start;
  options.monitor = keep_step;
  options.monitor_context = &trace;
  PetscCall(LatheVmfFit(d.comm(), &rows, &options, &model.m));
  const LatheVmfModel &m = model.m;
  const auto components = static_cast<std::size_t>(m.components);
  r->real("start_log_likelihood", m.log_likelihood);
  r->integer("start_steps", m.steps);
  r->integer("start_converged", m.converged ? 1 : 0);
  r->integer("start_empty", m.empty);
  r->array("trace_log_likelihood", trace);
  r->real("log_likelihood", m.log_likelihood);
  r->integer("rows", m.rows);
  r->integer("zero_rows", m.zero_rows);
  r->array("mu", {m.mean, m.mean + components * static_cast<std::size_t>(m.dim)},
           {m.components, m.dim});
  std::vector<double> weight(components);
  const auto columns = estimate_columns("");
  std::vector<std::vector<double>> values(columns.size(), std::vector<double>(components));
  for (std::size_t k = 0; k < components; ++k) {
    weight[k] = m.component[k].weight;
    const auto one = estimate_values(m.component[k].estimate, m.component[k].kappa);
    for (std::size_t i = 0; i < one.size(); ++i)
      values[i][k] = weight[k] > 0 ? one[i] : std::nan("");
  }
  r->array("weight", weight);
  for (std::size_t i = 0; i < columns.size(); ++i)
    r->array(columns[i].name, values[i]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Adjusted Rand index of two partitions from their contingency table (Hubert and Arabie 1985).
double adjusted_rand_index(const std::vector<double> &table, std::size_t columns) {
  const auto pairs = [](double n) { return 0.5 * n * (n - 1); };
  const std::size_t rows = table.size() / columns;
  std::vector<double> of_row(rows), of_column(columns);
  double both = 0, all = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    both += pairs(table[i]);
    all += table[i];
    of_row[i / columns] += table[i];
    of_column[i % columns] += table[i];
  }
  double in_rows = 0, in_columns = 0;
  for (const double n : of_row)
    in_rows += pairs(n);
  for (const double n : of_column)
    in_columns += pairs(n);
  const double expected = in_rows * in_columns / pairs(all);
  return (both - expected) / (0.5 * (in_rows + in_columns) - expected);
}

/// The component of every row, and how components and classes meet.
PetscErrorCode write_assignment(Driver &d, const FeatureFile &file, const LatheVmfRows &rows,
                                const RowLabels &labels, const LatheVmfModel &model) {
  PetscFunctionBeginUser;
  const auto local = static_cast<std::size_t>(rows.local);
  std::vector<PetscInt> component(local);
  std::vector<double> probability(local);
  PetscCall(LatheVmfAssign(&rows, &model, component.data(), probability.data(), nullptr));
  ResultFile *result = nullptr;
  PetscCall(d.file(&result));
  PetscCall(result->dimension("row", file.rows()));
  const std::vector<std::int64_t> assignment(component.begin(), component.end());
  PetscCall(result->integer_rows(
      "assignment",
      {.kind = Kind::integer, .long_name = "most probable component of the row; -1: zero row"},
      {"row"}, file.mine(), assignment.data()));
  PetscCall(result->rows("assignment_probability",
                         {.long_name = "posterior probability of that component"}, {"row"},
                         file.mine(), probability.data()));
  if (labels.values.empty())
    PetscFunctionReturn(PETSC_SUCCESS);
  const std::size_t classes = labels.values.size();
  std::vector<double> table(static_cast<std::size_t>(model.components) * classes);
  for (std::size_t i = 0; i < local; ++i)
    if (component[i] >= 0)
      table[static_cast<std::size_t>(component[i]) * classes +
            static_cast<std::size_t>(labels.mine[i])] += 1;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, table.data(), static_cast<int>(table.size()), MPI_DOUBLE,
                             MPI_SUM, d.comm()));
  PetscCall(d.coordinate(
      {.name = "class", .kind = Kind::integer, .long_name = "label of the class"}, labels.values));
  Record r;
  r.real("adjusted_rand_index", adjusted_rand_index(table, classes));
  r.array("contingency", table, {model.components, static_cast<std::int64_t>(classes)});
  const Column columns[] = {
      {.name = "adjusted_rand_index",
       .long_name = "agreement of components and classes: 1 the same, 0 as by chance"},
      {.name = "contingency",
       .kind = Kind::integer,
       .long_name = "rows of each class in each component",
       .dims = {"component", "class"}}};
  PetscCall(d.write("classes", columns, r));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// The model of a record, for the assignment; the arrays stay those of the record.
struct RecordedModel {
  std::vector<LatheVmfComponent> component;
  std::vector<double> mean;
  LatheVmfModel m{};

  explicit RecordedModel(const Record &r) {
    const Array &mu = *r.get<Array>("mu");
    mean = mu.values;
    m.components = static_cast<PetscInt>(mu.shape[0]);
    m.dim = static_cast<PetscInt>(mu.shape[1]);
    for (std::size_t k = 0; k < static_cast<std::size_t>(m.components); ++k) {
      LatheVmfComponent c{};
      c.weight = r.get<Array>("weight")->values[k];
      c.kappa = c.weight > 0 ? r.get<Array>("kappa")->values[k] : 0;
      component.push_back(c);
    }
    m.component = component.data();
    m.mean = mean.data();
  }
};

PetscErrorCode write_best(Driver &d, const std::vector<Case> &cases, const Record **best) {
  PetscFunctionBeginUser;
  std::size_t index = cases.size();
  double highest = 0;
  for (std::size_t i = 0; i < cases.size(); ++i)
    if (const double *l = cases[i].record.get<double>("log_likelihood");
        l && (index == cases.size() || *l > highest)) {
      highest = *l;
      index = i;
    }
  if (index == cases.size())
    PetscFunctionReturn(PETSC_SUCCESS);
  Record r = cases[index].record;
  *best = &cases[index].record;
  r.integer("best_start", static_cast<std::int64_t>(index));
  std::vector<Column> columns = {
      {.name = "log_likelihood", .long_name = "log-likelihood of the model"},
      {.name = "best_start", .kind = Kind::integer, .long_name = "start that gave the model"},
      {.name = "rows", .kind = Kind::integer, .long_name = "rows that are not zero"},
      {.name = "zero_rows", .kind = Kind::integer, .long_name = "zero rows, left out"},
      {.name = "weight", .long_name = "share of the rows", .dims = {"component"}},
      {.name = "mu", .long_name = "mean direction", .dims = {"component", "feature"}}};
  const auto more = estimate_columns("", {"component"});
  columns.insert(columns.end(), more.begin(), more.end());
  PetscCall(d.write("best start", columns, r));
  if (*r.get<std::int64_t>("start_converged") == 0)
    d.not_converged("the best start still gained more than -tolerance after -max_steps");
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode FitMixture(Driver &d, const Settings &s, const FeatureFile &file,
                          const RowLabels &labels) {
  PetscFunctionBeginUser;
  FeatureRows features;
  PetscCall(file.Read(file.mine(), &features));
  const LatheVmfRows rows = borrow(features, file.dim());
  bessel::ScannedRows scanned; // refuses bad rows before anything is computed
  PetscCall(bessel::ScanRows(d.comm(), rows, s.normalize, &scanned));
  PetscCheck(scanned.used >= s.components, d.comm(), PETSC_ERR_USER_INPUT,
             "%s: %lld rows that are not zero; -components %lld must be at most that many",
             file.where().c_str(), static_cast<long long>(scanned.used),
             static_cast<long long>(s.components));
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < s.starts; ++i)
    names.push_back("start" + std::to_string(i));
  std::vector<Case> cases;
  PetscCall(d.run_cases(
      "start", names, start_columns,
      [&](std::size_t i, Record &r) { return fit_start(d, s, rows, i, &r); }, &cases));
  const bool whole = std::none_of(cases.begin(), cases.end(),
                                  [](const Case &c) { return c.status == CaseStatus::not_run; });
  const Record *best = nullptr;
  if (whole)
    PetscCall(write_best(d, cases, &best));
  if (best)
    PetscCall(write_assignment(d, file, rows, labels, RecordedModel(*best).m));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace vmf_fit
