// SPDX-License-Identifier: BSD-2-Clause
// trace_estimate: traces, log-determinants, Schatten norms, traces of inverses and exponentials
// from random products, with their standard errors, method beside method and budget beside budget.
#include "core/exact_sum.h"
#include "core/handle.h"
#include "core/random.h"
#include "driver/driver.h"
#include "driver/generators.h"
#include "driver/matrix_io.h"
#include "sketching/trace.h"
#include "trace_symmetric.h"
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <unistd.h>

namespace {

using namespace lathe::driver;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Settings {
  std::string mat, gen = "none", function = "trace";
  std::int64_t n = 1000, matvecs = 120, rank = 50;
  PetscInt steps = 300;
  double mu = 0, tolerance = 1e-8, power = 1;
  std::vector<std::string> methods;
  std::vector<std::int64_t> sweep;
};

void declare(Options &o, Settings &s) {
  o.group("Input");
  o.file("-mat", s.mat,
         "square matrix, for schatten of any shape: Matrix Market, HDF5 or PETSc binary");
  o.choice("-gen", s.gen, {"none", "laplacian2d", "flat", "polynomial", "exponential", "step"},
           "generated symmetric matrix in place of -mat: a grid Laplacian, or dense with the "
           "eigenvalues 3 to 1, i^-2, 0.7^i, or 50 of 1 and the rest 1e-3");
  o.integer("-n", s.n, "1", Interval::closed(2, 46339),
            "size of the generated matrix: order n, or n*n for laplacian2d");
  o.exclude("-mat", {"-gen", "-n"});
  o.group("Estimate");
  o.choice("-function", s.function, {"trace", "logdet", "inverse", "schatten", "exp"},
           "trace of the matrix itself; log-determinant and trace of the inverse of a symmetric "
           "positive definite one; Schatten norm, the p-norm of the singular values, of any; trace "
           "of the exponential of a symmetric one (the Estrada index of a graph)");
  o.real("-power", s.power, "1", {0, 1000, false, true},
         "p of -function schatten; 1: nuclear norm");
  o.choices("-methods", s.methods,
            {"girard_hutchinson", "hutchpp", "xtrace", "xnystrace", "slq", "slq_nystrom"},
            "default: the first four for trace, those that fit for the others; slq: Lanczos "
            "quadrature, slq_nystrom: of the preconditioned matrix (logdet)");
  o.integer("-matvecs", s.matvecs, "1", Interval::closed(2, 1e9),
            "products with the matrix, or with its function: each then takes Lanczos steps; by "
            "default at most as many as the order of the matrix allows a method");
  o.integers("-sweep", s.sweep, "1", Interval::closed(2, 1e9),
             "also every method with each of these in place of -matvecs");
  o.group("Functions of a matrix");
  o.integer("-lanczos_steps", s.steps, "1", Interval::closed(1, 1e6), "of one product at most");
  o.real("-quadrature_tolerance", s.tolerance, "1", Interval::above(0),
         "a product ends once a step changes it by less, relatively");
  o.integer("-rank", s.rank, "1", Interval::closed(1, 1e6),
            "of the preconditioner of slq_nystrom; by default at most the order of the matrix");
  o.real("-mu", s.mu, "1", Interval::at_least(0),
         "lower bound of the eigenvalues that slq_nystrom may use, as a known noise variance");
}

// Name of a column of the table along `dimension`.
std::string prefixed(const std::string &dimension, const std::string &name) {
  return dimension == "method" ? name : dimension + "_" + name;
}

std::vector<Column> columns(const std::string &dimension) {
  const auto column = [&](const char *name, Kind kind, const char *text) {
    return Column{.name = prefixed(dimension, name), .kind = kind, .long_name = text};
  };
  std::vector<Column> c = {
      column("estimate", Kind::real, "estimate"),
      column("standard_error", Kind::real, "standard error, from the samples of the estimate"),
      column("error", Kind::real, "distance to the truth, where that is known"),
      column("matvecs", Kind::integer, "products with the matrix"),
      column("quadrature_error", Kind::real, "last change of a Lanczos quadrature; 0 without one")};
  if (dimension != "method") {
    c.push_back(column("method", Kind::text, "method"));
    c.push_back(column("budget", Kind::integer, "products allowed"));
  }
  return c;
}

/// Eigenvalues of the dense generated matrices.
double eigenvalue(const std::string &gen, std::int64_t n, std::int64_t i) {
  const auto x = static_cast<double>(i);
  if (gen == "flat")
    return 3 - 2 * x / static_cast<double>(n - 1);
  if (gen == "polynomial")
    return std::pow(x + 1, -2);
  if (gen == "exponential")
    return std::pow(0.7, x);
  return i < 50 ? 1 : 1e-3;
}

/// U·diag(s)·Uᵀ with U = random signs times the orthonormal DCT-II: entry (i, j) is
/// σ_iσ_j(c_|i−j| + c_(i+j+1)), c_m = (1/n)·Σ_k s_k cos(πkm/n) with half of s_0.
PetscErrorCode GenerateDense(MPI_Comm comm, const std::string &gen, std::int64_t n,
                             std::uint64_t seed, Mat *A) {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscInt lda = 0;
  PetscScalar *a = nullptr;
  PetscFunctionBeginUser;
  const auto order = static_cast<PetscInt>(n);
  std::vector<double> cosine;
  for (std::int64_t m = 0; m < 2 * n; ++m)
    cosine.push_back(std::cos(std::numbers::pi * static_cast<double>(m) / static_cast<double>(n)));
  std::vector<double> c(static_cast<std::size_t>(2 * n));
  for (std::int64_t k = 0; k < n; ++k) {
    const double s = eigenvalue(gen, n, k) / static_cast<double>(k == 0 ? 2 * n : n);
    for (std::int64_t m = 0; m < 2 * n; ++m)
      c[static_cast<std::size_t>(m)] += s * cosine[static_cast<std::size_t>(k * m % (2 * n))];
  }
  constexpr std::uint64_t sign_stream = 0x64637400;
  const auto sign = [&](std::int64_t i) {
    return lathe::random::sign(seed, sign_stream, static_cast<std::uint64_t>(i));
  };
  PetscCall(MatCreateDense(comm, PETSC_DECIDE, PETSC_DECIDE, order, order, nullptr, A));
  PetscCall(MatGetOwnershipRange(*A, &begin, &end));
  PetscCall(MatDenseGetArrayWrite(*A, &a));
  PetscCall(MatDenseGetLDA(*A, &lda));
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = begin; i < end; ++i)
      a[i - begin + j * lda] = sign(i) * sign(j) *
                               (c[static_cast<std::size_t>(std::abs(i - j))] +
                                c[static_cast<std::size_t>(i + j + 1) % c.size()]);
  PetscCall(MatDenseRestoreArrayWrite(*A, &a));
  PetscCall(MatAssemblyBegin(*A, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(*A, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(PETSC_SUCCESS);
}

template <class Visit> void visit_eigenvalues(const Settings &s, Visit &&visit) {
  const auto n = static_cast<double>(s.n);
  const auto half = [&](std::int64_t k) {
    return 2 - 2 * std::cos(std::numbers::pi * static_cast<double>(k) / (n + 1));
  };
  for (std::int64_t i = 0; i < s.n; ++i)
    if (s.gen == "laplacian2d")
      for (std::int64_t j = 0; j < s.n; ++j)
        visit(half(i + 1) + half(j + 1));
    else
      visit(eigenvalue(s.gen, s.n, i));
}

/// Σ f(λ) of a generated matrix, or its Schatten norm; the eigenvalues are positive.
double known_truth(const Settings &s) {
  double largest = 0;
  visit_eigenvalues(s, [&](double x) { largest = std::max(largest, x); });
  const auto f = [&](double x) {
    return s.function == "logdet"     ? std::log(x)
           : s.function == "inverse"  ? 1 / x
           : s.function == "exp"      ? std::exp(x)
           : s.function == "schatten" ? std::pow(x / largest, s.power)
                                      : x;
  };
  lathe::ExactSum sum;
  visit_eigenvalues(s, [&](double x) { sum.add(f(x)); });
  return s.function == "schatten" ? largest * std::pow(sum.value(), 1 / s.power) : sum.value();
}

PetscErrorCode ExactTrace(Mat A, double *truth) {
  lathe::VecHandle d;
  const PetscScalar *a = nullptr;
  PetscInt n = 0;
  PetscFunctionBeginUser;
  PetscCall(MatCreateVecs(A, nullptr, d.out()));
  PetscCall(MatGetDiagonal(A, d));
  PetscCall(VecGetLocalSize(d, &n));
  PetscCall(VecGetArrayRead(d, &a));
  lathe::ExactSum sum;
  for (PetscInt i = 0; i < n; ++i)
    sum.add(PetscRealPart(a[i]));
  PetscCall(VecRestoreArrayRead(d, &a));
  PetscCall(lathe::ExactSum::AllReduce(PetscObjectComm(reinterpret_cast<PetscObject>(A)), &sum, 1));
  *truth = sum.value();
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CreateInput(Driver &d, const Settings &s, lathe::MatHandle *A, double *truth) {
  PetscFunctionBeginUser;
  PetscCheck(!s.mat.empty() || s.gen != "none", d.comm(), PETSC_ERR_USER_INPUT,
             "no matrix; give either -mat FILE or -gen NAME");
  PetscCall(d.phase("read"));
  *truth = nan;
  if (s.mat.empty()) {
    if (s.gen == "laplacian2d")
      PetscCall(
          GenerateMatrix(d.comm(), s.gen.c_str(), static_cast<PetscInt>(s.n), d.seed(), A->out()));
    else
      PetscCall(GenerateDense(d.comm(), s.gen, s.n, d.seed(), A->out()));
    PetscCall(d.input_fact("generator", s.gen));
    *truth = known_truth(s);
  } else {
    MatrixInfo info;
    PetscCall(d.input_file("mat", s.mat));
    PetscCall(ReadMatrix(d.comm(), s.mat.c_str(), A->out(), &info));
    PetscCall(d.input_fact("format", info.format));
    PetscCheck(s.function == "schatten" || info.rows == info.cols, d.comm(), PETSC_ERR_USER_INPUT,
               "%s holds a %lld x %lld matrix; -function %s is of square ones", s.mat.c_str(),
               static_cast<long long>(info.rows), static_cast<long long>(info.cols),
               s.function.c_str());
    if (s.function == "trace")
      PetscCall(ExactTrace(*A, truth));
    bool symmetric = true;
    if (s.function != "trace" && s.function != "schatten")
      PetscCall(trace::IsSymmetric(*A, &symmetric));
    PetscCheck(symmetric, d.comm(), PETSC_ERR_USER_INPUT,
               "%s holds a matrix that is not symmetric; -function %s is of symmetric ones, "
               "schatten and trace of others, too",
               s.mat.c_str(), s.function.c_str());
  }
  PetscInt rows = 0;
  PetscCall(MatGetSize(*A, &rows, nullptr));
  PetscCall(d.input_fact("rows", static_cast<std::int64_t>(rows)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

struct Result {
  LatheTraceEstimate estimate{};
  double quadrature_error = 0;
  bool converged = true;
};

PetscErrorCode Estimate(const Settings &s, Mat A, double power, const std::string &method,
                        std::int64_t matvecs, std::uint64_t seed, Result *result) {
  const LatheSpectralFunction f = s.function == "logdet"     ? LATHE_SPECTRAL_LOG
                                  : s.function == "schatten" ? LATHE_SPECTRAL_POWER
                                  : s.function == "exp"      ? LATHE_SPECTRAL_EXP
                                                             : LATHE_SPECTRAL_INVERSE;
  LatheQuadratureOptions options;
  PetscFunctionBeginUser;
  PetscCall(LatheQuadratureOptionsSetDefaults(&options));
  options.max_steps = s.steps;
  options.tolerance = s.tolerance;
  options.power = power;
  options.probes = static_cast<PetscInt>(matvecs);
  options.seed = seed;
  if (method == "slq" || method == "slq_nystrom") {
    LatheSpectralSum sum;
    if (method == "slq")
      PetscCall(LatheMatSpectralSum(A, f, &options, &sum));
    else
      PetscCall(LatheMatLogDeterminant(A, static_cast<PetscInt>(s.rank), s.mu, &options, &sum));
    *result = {{sum.value, sum.standard_error, sum.matvecs},
               sum.quadrature_error,
               sum.converged == PETSC_TRUE};
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  const LatheTraceMethod kind = method == "girard_hutchinson" ? LATHE_TRACE_GIRARD_HUTCHINSON
                                : method == "hutchpp"         ? LATHE_TRACE_HUTCHPP
                                : method == "xtrace"          ? LATHE_TRACE_XTRACE
                                                              : LATHE_TRACE_XNYSTRACE;
  if (s.function == "trace") {
    PetscCall(LatheMatTrace(A, kind, static_cast<PetscInt>(matvecs), seed, &result->estimate));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  lathe::MatHandle F;
  PetscBool converged = PETSC_FALSE;
  PetscCall(LatheMatCreateFunction(A, f, &options, F.out()));
  PetscCall(LatheMatTrace(F, kind, static_cast<PetscInt>(matvecs), seed, &result->estimate));
  PetscCall(LatheMatFunctionGetMatvecs(F, &result->estimate.matvecs, &converged));
  result->converged = converged == PETSC_TRUE;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Schatten norms: the p-th root of an estimate of Σ(σ·2⁻ᵉ)^p, times 2ᵉ. The errors follow to first
/// order (delta method).
PetscErrorCode EstimateNorm(const Settings &s, Mat A, const trace::SingularValues &values,
                            const std::string &method, std::int64_t matvecs, std::uint64_t seed,
                            Result *result) {
  PetscFunctionBeginUser;
  const bool squared = values.gram.get() != nullptr;
  PetscCall(Estimate(s, squared ? values.gram.get() : A, squared ? s.power / 2 : s.power, method,
                     matvecs, seed, result));
  LatheTraceEstimate &estimate = result->estimate;
  const double sum = estimate.value;
  PetscCheck(sum >= 0, PetscObjectComm(reinterpret_cast<PetscObject>(A)), PETSC_ERR_CONV_FAILED,
             "the estimate of the sum of powers is %g, below 0; raise -matvecs or take slq", sum);
  estimate.value = std::ldexp(std::pow(sum, 1 / s.power), values.exponent);
  const double slope = sum > 0 ? estimate.value / (s.power * sum) : 0;
  estimate.standard_error *= slope;
  result->quadrature_error *= slope;
  if (squared)
    estimate.matvecs *= 2;
  PetscFunctionReturn(PETSC_SUCCESS);
}

struct Task {
  std::string method;
  std::int64_t matvecs;
};

// Products at least, products for each of the test vectors that must fit into the order (0: any
// number), and products for each that is kept in memory (0: none).
struct Budget {
  std::int64_t least, share, kept;
};

Budget budget_of(const std::string &method) {
  return method == "girard_hutchinson" ? Budget{2, 0, 1}
         : method == "hutchpp"         ? Budget{6, 3, 3}
         : method == "xtrace"          ? Budget{4, 2, 2}
         : method == "xnystrace"       ? Budget{2, 1, 1}
                                       : Budget{2, 0, 0};
}

// Refuse what does not fit the order of the matrix before anything is computed.
PetscErrorCode CheckBudget(MPI_Comm comm, const char *option, const Task &task, std::int64_t order,
                           std::int64_t local_rows) {
  PetscFunctionBeginUser;
  const Budget b = budget_of(task.method);
  const auto wanted = static_cast<long long>(task.matvecs);
  PetscCheck(task.matvecs >= b.least, comm, PETSC_ERR_USER_INPUT,
             "%s %lld is too few for -methods %s; must be at least %lld", option, wanted,
             task.method.c_str(), static_cast<long long>(b.least));
  PetscCheck(b.share == 0 || task.matvecs / b.share <= order, comm, PETSC_ERR_USER_INPUT,
             "%s %lld is too many for -methods %s and a matrix of order %lld; must be at most %lld",
             option, wanted, task.method.c_str(), static_cast<long long>(order),
             static_cast<long long>(b.share * order));
  // 8 bytes a number; a method without test vectors keeps one sample a product
  const double vectors =
      static_cast<double>(task.matvecs) / static_cast<double>(std::max<std::int64_t>(b.kept, 1));
  double need = 8 * vectors * static_cast<double>(b.kept > 0 ? local_rows + 1 : 1);
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &need, 1, MPI_DOUBLE, MPI_MAX, comm));
  double there =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &there, 1, MPI_DOUBLE, MPI_MIN, comm));
  PetscCheck(
      need <= there, comm, PETSC_ERR_USER_INPUT,
      "%s %lld of -methods %s needs %.3g GB on a rank, more than the %.3g GB of this machine",
      option, wanted, task.method.c_str(), need / 1e9, there / 1e9);
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Tasks of the order that the traces are of (Schatten: the smaller side), and the rank: a default
// is cut down to what fits, and a method of the default list that has no such number is left out.
PetscErrorCode PlanTasks(Driver &d, Mat A, Settings *s, std::vector<Task> *single,
                         std::vector<Task> *sweep) {
  PetscInt rows = 0, columns = 0, local = 0, local_columns = 0;
  PetscFunctionBeginUser;
  PetscCall(MatGetSize(A, &rows, &columns));
  PetscCall(MatGetLocalSize(A, &local, &local_columns));
  const std::int64_t order = std::min(rows, columns);
  if (columns < rows)
    local = local_columns;
  PetscCheck(order > 0, d.comm(), PETSC_ERR_USER_INPUT,
             "the matrix has %" PetscInt_FMT " rows and %" PetscInt_FMT
             " columns; must have one of each at least",
             rows, columns);
  const auto fits = [&](const Budget &b, std::int64_t matvecs) {
    return matvecs >= b.least && (b.share == 0 || matvecs / b.share <= order);
  };
  for (const std::string &method : s->methods) {
    const Budget b = budget_of(method);
    Task task{method, s->matvecs};
    if (!d.given("-matvecs") && b.share > 0)
      task.matvecs = std::min(task.matvecs, b.share * order);
    if (!d.given("-methods") && !d.given("-matvecs") && !fits(b, task.matvecs))
      continue;
    PetscCall(CheckBudget(d.comm(), "-matvecs", task, order, local));
    single->push_back(task);
    for (const std::int64_t matvecs : s->sweep) {
      PetscCall(CheckBudget(d.comm(), "-sweep", {method, matvecs}, order, local));
      sweep->push_back({method, matvecs});
    }
  }
  const bool nystrom = std::count(s->methods.begin(), s->methods.end(), "slq_nystrom") > 0;
  if (!d.given("-rank"))
    s->rank = std::min(s->rank, order);
  PetscCheck(!nystrom || s->rank <= order, d.comm(), PETSC_ERR_USER_INPUT,
             "-rank %lld exceeds the order of the matrix; must be at most %lld",
             static_cast<long long>(s->rank), static_cast<long long>(order));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode RunTable(Driver &d, const Settings &s, Mat A, const trace::SingularValues &values,
                        double truth, const std::string &dimension,
                        const std::vector<Task> &tasks) {
  PetscFunctionBeginUser;
  std::vector<std::string> names;
  names.reserve(tasks.size());
  for (const Task &task : tasks)
    names.push_back(dimension == "method" ? task.method
                                          : task.method + " " + std::to_string(task.matvecs));
  std::string not_converged;
  const auto column = columns(dimension);
  PetscCall(d.run_cases(dimension, names, column, [&](std::size_t i, Record &r) -> PetscErrorCode {
    PetscFunctionBeginUser;
    const Task &task = tasks[i];
    Result result;
    if (s.function == "schatten")
      PetscCall(EstimateNorm(s, A, values, task.method, task.matvecs, d.seed(), &result));
    else
      PetscCall(Estimate(s, A, 1, task.method, task.matvecs, d.seed(), &result));
    const auto set = [&](const char *name) { return prefixed(dimension, name); };
    r.real(set("estimate"), result.estimate.value);
    r.real(set("standard_error"), result.estimate.standard_error);
    r.real(set("error"), std::abs(result.estimate.value - truth));
    r.integer(set("matvecs"), result.estimate.matvecs);
    r.real(set("quadrature_error"), result.quadrature_error);
    if (dimension != "method") {
      r.text(set("method"), task.method);
      r.integer(set("budget"), task.matvecs);
    }
    if (!result.converged)
      not_converged = names[i];
    PetscFunctionReturn(PETSC_SUCCESS);
  }));
  if (!not_converged.empty())
    d.not_converged(not_converged + ": a Lanczos process used up its " + std::to_string(s.steps) +
                    " steps; raise -lanczos_steps");
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode compute(Driver &d, const Settings &given) {
  PetscFunctionBeginUser;
  Settings s = given;
  if (s.methods.empty())
    s.methods = s.function == "trace" ? std::vector<std::string>{"girard_hutchinson", "hutchpp",
                                                                 "xtrace", "xnystrace"}
                : s.function == "logdet"
                    ? std::vector<std::string>{"slq", "slq_nystrom", "hutchpp", "xtrace"}
                    : std::vector<std::string>{"slq", "hutchpp", "xtrace", "xnystrace"};
  for (const std::string &method : s.methods) {
    PetscCheck(s.function != "trace" || !method.starts_with("slq"), d.comm(), PETSC_ERR_USER_INPUT,
               "-methods %s is for another -function than trace", method.c_str());
    PetscCheck(s.function == "logdet" || method != "slq_nystrom", d.comm(), PETSC_ERR_USER_INPUT,
               "-methods slq_nystrom is for -function logdet");
  }
  lathe::MatHandle A;
  double truth = nan;
  PetscCall(CreateInput(d, s, &A, &truth));
  std::vector<Task> tasks, sweep;
  PetscCall(PlanTasks(d, A, &s, &tasks, &sweep));
  const Column columns[] = {{.name = "truth", .long_name = "exact value, where it is known"}};
  Record known;
  known.real("truth", truth);
  PetscCall(d.write("truth", columns, known));
  PetscCall(d.phase("estimate"));
  trace::SingularValues values;
  if (s.function == "schatten")
    PetscCall(trace::CreateSingularValues(A, &values));
  PetscCall(RunTable(d, s, A, values, truth, "method", tasks));
  if (!sweep.empty())
    PetscCall(RunTable(d, s, A, values, truth, "sweep", sweep));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  Settings settings;
  const About about{
      "trace_estimate",
      "Traces of matrices and of their functions, Schatten norms from random products",
      "Epperly, Tropp, Webber: XTrace: Making the Most of Every Sample in Stochastic Trace "
      "Estimation, SIAM J. Matrix Anal. Appl. 45 (2024); Ubaru, Chen, Saad: Fast Estimation of "
      "tr(f(A)) via Stochastic Lanczos Quadrature, SIAM J. Matrix Anal. Appl. 38 (2017)",
      "R0"};
  return run(
      argc, argv, about, [&](Options &o) { declare(o, settings); },
      [&](Driver &d) { return compute(d, settings); });
}
