// SPDX-License-Identifier: BSD-2-Clause
// matern_fit: maximum likelihood of a Matérn covariance from observations at sites, with standard
// errors, the path of the optimiser and the likelihood around the optimum.
#include "bessel/matern_likelihood.h"
#include "core/dense.h"
#include "core/interruption.h"
#include "core/random.h"
#include "driver/driver.h"
#include "driver/hdf5_input.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace {

using namespace lathe::driver;
using namespace lathe::bessel;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Settings {
  std::string coords, obs;
  std::int64_t sites = 400, surface = 15;
  double true_variance = 1, true_range = 0.15, true_smoothness = 1.2;
  double nugget = 0.01, tolerance = 1e-7, surface_width = 3;
  bool fit_nugget = false, subtract_mean = false;
  std::vector<double> start, lower, upper;
};

void declare(Options &o, Settings &s) {
  o.group("Data");
  o.file("-coords", s.coords, "FILE.h5:/x, (n, d): one site a row, any dimension d");
  o.file("-obs", s.obs, "FILE.h5:/y, (n): one observation a site");
  o.integer("-sites", s.sites, "1", Interval::closed(2, 30000),
            "without files: that many uniform sites on the unit square, a field drawn from -seed");
  o.real("-true_variance", s.true_variance, "1", Interval::above(0), "of the generated field");
  o.real("-true_range", s.true_range, "1", Interval::above(0), "of the generated field");
  o.real("-true_smoothness", s.true_smoothness, "1", Interval::above(0), "of the generated field");
  o.flag("-subtract_mean", s.subtract_mean, "subtract the mean of the observations first");
  o.group("Fit");
  o.real("-nugget", s.nugget, "1", Interval::at_least(0),
         "variance of the measurement error, known unless -fit_nugget");
  o.flag("-fit_nugget", s.fit_nugget, "fit the nugget, too, from -nugget on");
  o.reals("-start", s.start, "1", Interval::above(0),
          "variance,range,smoothness to start from; default: from the data");
  o.reals("-lower", s.lower, "1", Interval::above(0), "lower bounds of the three");
  o.reals("-upper", s.upper, "1", Interval::above(0), "upper bounds of the three");
  o.real("-tolerance", s.tolerance, "1", Interval::above(0),
         "of the gradient of the log-likelihood over n by the logarithms");
  o.accept_prefix("-matern_tao_", "options of the optimiser, as -matern_tao_type blmvm");
  o.group("Likelihood surface");
  o.integer("-surface", s.surface, "1", Interval::closed(0, 1000),
            "points each way of range and smoothness; 0: none");
  o.real("-surface_width", s.surface_width, "standard errors", Interval::above(0),
         "of the surface on each side of the estimate");
}

const Column fit_columns[] = {
    {.name = "variance", .long_name = "estimated variance"},
    {.name = "range", .long_name = "estimated range, in units of the coordinates"},
    {.name = "smoothness", .long_name = "estimated smoothness"},
    {.name = "nugget", .long_name = "nugget"},
    {.name = "variance_std_error", .long_name = "standard error of the variance; none at a bound"},
    {.name = "range_std_error", .long_name = "standard error of the range"},
    {.name = "smoothness_std_error", .long_name = "standard error of the smoothness"},
    {.name = "nugget_std_error", .long_name = "standard error of the nugget, if fitted"},
    {.name = "log_likelihood", .long_name = "log-likelihood at the estimate"},
    {.name = "log_likelihood_truth",
     .long_name = "log-likelihood of a generated field's parameters"},
    {.name = "gradient_norm",
     .long_name = "norm of the gradient of log-likelihood/n by logarithms"},
    {.name = "gradient_check",
     .long_name = "largest difference of gradient and difference quotients at the start, relative"},
    {.name = "condition_number", .long_name = "condition number of the covariance, from below"},
    {.name = "iterations", .kind = Kind::integer, .long_name = "iterations of the optimiser"},
    {.name = "evaluations", .kind = Kind::integer, .long_name = "evaluations of the likelihood"},
    {.name = "reason", .kind = Kind::text, .long_name = "why the optimiser stopped"},
    {.name = "path_variance", .long_name = "variance at each iteration", .dims = {"iteration"}},
    {.name = "path_range", .long_name = "range at each iteration", .dims = {"iteration"}},
    {.name = "path_smoothness", .long_name = "smoothness at each iteration", .dims = {"iteration"}},
    {.name = "path_log_likelihood",
     .long_name = "log-likelihood at each iteration",
     .dims = {"iteration"}},
    {.name = "path_gradient_norm",
     .long_name = "norm of the gradient at each iteration",
     .dims = {"iteration"}},
};

const Column surface_columns[] = {
    {.name = "surface_smoothness", .long_name = "smoothness of the row"},
    {.name = "surface_log_likelihood",
     .long_name = "log-likelihood, maximal over the variance at the fitted ratio of nugget and "
                  "variance",
     .dims = {"surface_range"}},
};

const Column data_columns[] = {
    {.name = "site_coordinates", .long_name = "coordinates of the sites", .dims = {"site", "axis"}},
    {.name = "observation", .long_name = "observations", .dims = {"site"}},
};

constexpr double MaternParameters::*members[] = {
    &MaternParameters::variance, &MaternParameters::range, &MaternParameters::smoothness};

struct Field {
  std::vector<double> coordinates, observations;
  std::size_t dimension = 2;
  bool generated = false;
  [[nodiscard]] MaternData data() const {
    return {{coordinates.data(), observations.size(), dimension}, observations.data()};
  }
};

// A dataset whole; every rank reads it for itself.
std::vector<double> read_dataset(const std::string &spec, std::vector<hsize_t> *shape) {
  const std::size_t colon = spec.find(":/");
  if (colon == std::string::npos)
    throw InputError(spec + ": name the dataset, as in FILE.h5:/x");
  const lathe::hdf5::SilentErrors silent;
  const lathe::hdf5::Input input(spec.substr(0, colon));
  const lathe::hdf5::Numbers numbers = lathe::hdf5::open_numbers(input, spec.substr(colon + 1));
  if (numbers.complex != lathe::hdf5::Complex::no)
    throw InputError(numbers.where + " holds complex numbers; real ones are needed");
  *shape = numbers.shape;
  return lathe::hdf5::read_doubles(numbers, std::vector<hsize_t>(shape->size(), 0), *shape);
}

void read_files(const Settings &s, Field *field) {
  std::vector<hsize_t> of_coords, of_obs;
  field->coordinates = read_dataset(s.coords, &of_coords);
  field->observations = read_dataset(s.obs, &of_obs);
  if (of_coords.size() == 1)
    of_coords.push_back(1);
  if (of_coords.size() != 2 || of_coords[1] < 1)
    throw InputError(s.coords + ": " + std::to_string(of_coords.size()) +
                     " dimensions; a table (sites, coordinates) is needed");
  if (of_obs.size() != 1)
    throw InputError(s.obs + ": " + std::to_string(of_obs.size()) +
                     " dimensions; a list is needed");
  if (of_obs[0] != of_coords[0])
    throw InputError(s.obs + ": " + std::to_string(of_obs[0]) +
                     " observations; one for each of the " + std::to_string(of_coords[0]) +
                     " sites of -coords is needed");
  if (of_obs[0] < 2 || of_obs[0] > 30000)
    throw InputError(s.obs + ": " + std::to_string(of_obs[0]) +
                     " sites; between 2 and 30000 are possible");
  field->dimension = static_cast<std::size_t>(of_coords[1]);
}

// Uniform sites and L z with Σ = L Lᵀ and z standard normal, all by index.
void generate(const Settings &s, std::uint64_t seed, Field *field) {
  const auto n = static_cast<std::size_t>(s.sites);
  field->generated = true;
  for (std::size_t k = 0; k < 2 * n; ++k)
    field->coordinates.push_back(lathe::random::uniform(seed, 1, k));
  const Sites sites{field->coordinates.data(), n, 2};
  const MaternCovariance covariance({s.true_variance, s.true_range, s.true_smoothness, s.nugget});
  std::vector<double> factor(n * n);
  for (std::size_t j = 0; j < n; ++j)
    covariance.row(sites, MaternComponent::value, j, j, n - j, factor.data() + j + j * n);
  if (lathe::dense::potrf('L', n, factor.data(), n) != 0)
    throw InputError("the covariance of the generated field is not positive definite in double "
                     "precision; use a larger -nugget or a smaller -true_smoothness");
  field->observations.assign(n, 0);
  for (std::size_t j = 0; j < n; ++j) {
    const double z = lathe::random::normal(seed, 2, j);
    for (std::size_t i = j; i < n; ++i)
      field->observations[i] += factor[i + j * n] * z;
  }
}

PetscErrorCode read_or_generate(Driver &d, const Settings &s, Field *field) {
  PetscFunctionBeginUser;
  PetscCheck(s.coords.empty() == s.obs.empty(), d.comm(), PETSC_ERR_USER_INPUT,
             "give both -coords and -obs, or neither");
  PetscCall(d.phase("read"));
  if (!s.coords.empty()) {
    PetscCall(d.input_file("coords", s.coords));
    PetscCall(d.input_file("obs", s.obs));
  }
  std::string problem;
  try {
    if (s.coords.empty())
      generate(s, d.seed(), field);
    else
      read_files(s, field);
    if (s.subtract_mean) {
      const std::vector<double> &all = field->observations;
      if (std::all_of(all.begin(), all.end(), [&](double y) { return y == all.front(); }))
        throw std::runtime_error("all observations are equal, so that nothing is left after "
                                 "-subtract_mean; give others, or leave it out");
      double mean = 0;
      for (const double y : field->observations)
        mean += y / static_cast<double>(field->observations.size());
      for (double &y : field->observations)
        y -= mean;
    }
  } catch (const std::exception &e) {
    problem = e.what();
  }
  LatheCheckAll(d.comm(), problem.empty(), PETSC_ERR_USER_INPUT, "%s", problem.c_str());
  PetscCall(d.input_fact("sites", static_cast<std::int64_t>(field->observations.size())));
  PetscCall(d.input_fact("dimension", static_cast<std::int64_t>(field->dimension)));
  if (field->generated)
    PetscCall(d.input_fact("generator", std::string("gaussian_field")));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Start and bounds from the data where the options do not say.
PetscErrorCode choose_options(const Driver &d, const Settings &s, const Field &field,
                              MaternFitOptions *o) {
  PetscFunctionBeginUser;
  for (const auto &[name, values] : {std::pair{"-start", &s.start}, std::pair{"-lower", &s.lower},
                                     std::pair{"-upper", &s.upper}})
    PetscCheck(values->empty() || values->size() == 3, d.comm(), PETSC_ERR_USER_INPUT,
               "%s takes three numbers: variance,range,smoothness; got %zu", name, values->size());
  double square = 0, extent = 0;
  for (const double y : field.observations)
    square += y * y / static_cast<double>(field.observations.size());
  for (std::size_t k = 0; k < field.dimension; ++k) {
    double low = field.coordinates[k], high = low;
    for (std::size_t i = k; i < field.coordinates.size(); i += field.dimension) {
      low = std::min(low, field.coordinates[i]);
      high = std::max(high, field.coordinates[i]);
    }
    extent = std::max(extent, high - low);
  }
  PetscCheck(square > 0 && extent > 0, d.comm(), PETSC_ERR_USER_INPUT,
             "all observations are 0, or all sites the same: nothing to fit");
  const auto take = [](const std::vector<double> &given, MaternParameters otherwise) {
    if (!given.empty())
      otherwise = {given[0], given[1], given[2], otherwise.nugget};
    return otherwise;
  };
  o->start = take(s.start, {std::max(square - s.nugget, 0.1 * square), 0.1 * extent, 1, s.nugget});
  o->lower = take(s.lower, {1e-4 * square, 1e-4 * extent, 0.05, 0});
  o->upper = take(s.upper, {1e4 * square, 100 * extent, 20, 1e4 * square});
  const char *names[] = {"variance", "range", "smoothness"};
  for (int k = 0; k < 3; ++k)
    PetscCheck(o->lower.*members[k] <= o->start.*members[k] &&
                   o->start.*members[k] <= o->upper.*members[k],
               d.comm(), PETSC_ERR_USER_INPUT,
               "start %g of the %s is outside its bounds %g to %g; change -start, -lower or -upper",
               o->start.*members[k], names[k], o->lower.*members[k], o->upper.*members[k]);
  PetscCheck(!s.fit_nugget || s.nugget > 0, d.comm(), PETSC_ERR_USER_INPUT,
             "-fit_nugget starts from -nugget, which must then be > 0");
  o->fit_nugget = s.fit_nugget;
  o->tolerance = s.tolerance;
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Sixth-order difference quotients by the logarithms against the gradient.
PetscErrorCode check_gradient(MPI_Comm comm, const MaternData &data, const MaternParameters &p,
                              double *largest) {
  PetscFunctionBeginUser;
  MaternLikelihood at;
  PetscCall(LatheMaternLogLikelihood(comm, data, p, true, &at));
  double norm = 0, difference = 0;
  for (int k = 0; k < 3; ++k) {
    constexpr double step = 4e-3, weights[] = {0.75, -0.15, 1.0 / 60};
    double quotient = 0;
    for (int j = 1; j <= 3; ++j)
      for (const int sign : {-1, 1}) {
        MaternParameters q = p;
        q.*members[k] *= std::exp(sign * j * step);
        MaternLikelihood moved;
        PetscCall(LatheMaternLogLikelihood(comm, data, q, false, &moved));
        quotient += sign * weights[j - 1] * moved.value / step;
      }
    const double exact = at.gradient[static_cast<std::size_t>(k)] * (p.*members[k]);
    norm = std::max(norm, std::abs(exact));
    difference = std::max(difference, std::abs(exact - quotient));
  }
  *largest = difference / norm;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode fit_case(Driver &d, const Settings &s, const Field &field, MaternFitOptions options,
                        Record *r) {
  PetscFunctionBeginUser;
  std::vector<double> variance, range, smoothness, value, norm;
  options.monitor = [&](const MaternStep &step) -> PetscErrorCode {
    PetscFunctionBeginUser;
    PetscCall(lathe::StopTogether(d.comm()));
    variance.push_back(step.parameters.variance);
    range.push_back(step.parameters.range);
    smoothness.push_back(step.parameters.smoothness);
    value.push_back(step.log_likelihood);
    norm.push_back(step.gradient_norm);
    PetscFunctionReturn(PETSC_SUCCESS);
  };
  MaternFit fit;
  double check = 0;
  PetscCall(check_gradient(d.comm(), field.data(), options.start, &check));
  PetscCall(LatheMaternFit(d.comm(), field.data(), options, &fit));
  MaternLikelihood truth;
  truth.value = nan;
  if (field.generated && !s.subtract_mean)
    PetscCall(LatheMaternLogLikelihood(d.comm(), field.data(),
                                       {s.true_variance, s.true_range, s.true_smoothness, s.nugget},
                                       false, &truth));
  const MaternParameters &p = fit.estimate, &e = fit.standard_error;
  r->real("variance", p.variance);
  r->real("range", p.range);
  r->real("smoothness", p.smoothness);
  r->real("nugget", p.nugget);
  r->real("variance_std_error", e.variance);
  r->real("range_std_error", e.range);
  r->real("smoothness_std_error", e.smoothness);
  r->real("nugget_std_error", s.fit_nugget ? e.nugget : nan);
  r->real("log_likelihood", fit.log_likelihood);
  r->real("log_likelihood_truth", truth.value);
  r->real("gradient_norm", fit.gradient_norm);
  r->real("gradient_check", check);
  r->real("condition_number", fit.condition);
  r->integer("iterations", fit.iterations);
  r->integer("evaluations", fit.evaluations);
  r->text("reason", fit.reason);
  r->integer("converged", fit.converged ? 1 : 0);
  r->array("path_variance", variance);
  r->array("path_range", range);
  r->array("path_smoothness", smoothness);
  r->array("path_log_likelihood", value);
  r->array("path_gradient_norm", norm);
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Points evenly in the logarithm, `width` standard errors to each side but at most a factor of 5.
std::vector<double> axis(double centre, double error, double width, std::int64_t points) {
  const double relative = std::isfinite(error) ? width * error / centre : 1;
  const double half = std::min(relative, std::log(5.0));
  std::vector<double> values;
  for (std::int64_t k = 0; k < points; ++k)
    values.push_back(points == 1 ? centre
                                 : centre * std::exp(half * (2.0 * static_cast<double>(k) /
                                                                 static_cast<double>(points - 1) -
                                                             1)));
  return values;
}

PetscErrorCode surface_case(const Driver &d, const Field &field, double smoothness, double ratio,
                            const std::vector<double> &ranges, Record *r) {
  const auto n = static_cast<double>(field.observations.size());
  PetscFunctionBeginUser;
  std::vector<double> row;
  for (const double range : ranges) {
    PetscCall(lathe::StopTogether(d.comm()));
    MaternLikelihood likelihood;
    PetscCall(LatheMaternLogLikelihood(d.comm(), field.data(), {1, range, smoothness, ratio}, false,
                                       &likelihood));
    row.push_back(likelihood.definite
                      ? -0.5 *
                            (n * (std::log(2 * std::numbers::pi * likelihood.quadratic / n) + 1) +
                             likelihood.log_determinant)
                      : nan);
  }
  r->real("surface_smoothness", smoothness);
  r->array("surface_log_likelihood", row);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode surface(Driver &d, const Settings &s, const Field &field, const Record &fit) {
  PetscFunctionBeginUser;
  const auto value = [&fit](const char *name) {
    const double *x = fit.get<double>(name);
    return x ? *x : nan;
  };
  const std::vector<double> ranges =
      axis(value("range"), value("range_std_error"), s.surface_width, s.surface);
  const std::vector<double> rows =
      axis(value("smoothness"), value("smoothness_std_error"), s.surface_width, s.surface);
  std::vector<std::string> names;
  for (std::size_t k = 0; k < rows.size(); ++k)
    names.push_back("surface row " + std::to_string(k));
  PetscCall(d.phase("surface"));
  PetscCall(d.coordinate({.name = "surface_range", .long_name = "range"}, ranges));
  PetscCall(d.run_cases("surface_row", names, surface_columns, [&](std::size_t k, Record &r) {
    return surface_case(d, field, rows[k], value("nugget") / value("variance"), ranges, &r);
  }));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode compute(Driver &d, const Settings &s) {
  PetscFunctionBeginUser;
  Field field;
  MaternFitOptions options;
  PetscCall(read_or_generate(d, s, &field));
  PetscCall(choose_options(d, s, field, &options));
  PetscCall(d.phase("fit"));
  Case fit;
  PetscCall(d.run_case(
      "fit", fit_columns, [&](Record &r) { return fit_case(d, s, field, options, &r); }, &fit));
  if (fit.status != CaseStatus::completed)
    PetscFunctionReturn(PETSC_SUCCESS);
  if (field.generated) {
    Record data;
    const auto n = static_cast<std::int64_t>(field.observations.size());
    data.array("site_coordinates", field.coordinates, {n, 2});
    data.array("observation", field.observations);
    PetscCall(d.write("", data_columns, data));
  }
  if (const auto *converged = fit.record.get<std::int64_t>("converged"); !converged || !*converged)
    d.not_converged("optimiser: " + *fit.record.get<std::string>("reason"));
  if (s.surface > 0)
    PetscCall(surface(d, s, field, fit.record));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  Settings settings;
  const About about{"matern_fit", "Maximum likelihood of a Matern covariance",
                    "Mardia and Marshall, Biometrika 71 (1984); Stein, Interpolation of Spatial "
                    "Data, Springer 1999",
                    "R0"};
  return run(
      argc, argv, about, [&](Options &o) { declare(o, settings); },
      [&](Driver &d) { return compute(d, settings); });
}
