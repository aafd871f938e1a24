// SPDX-License-Identifier: BSD-2-Clause
// matrix_norm: certified bracket of the spectral norm of a matrix from a file or a generator.
#include "core/handle.h"
#include "driver/driver.h"
#include "driver/generators.h"
#include "driver/matrix_io.h"
#include "lipschitz/lipschitz.h"
#include <sstream>

namespace {

using namespace lathe::driver;

struct Settings {
  std::string mat, gen = "none";
  std::int64_t n = 100;
};

void declare(Options &o, Settings &s) {
  o.group("Input");
  o.file("-mat", s.mat, "matrix: Matrix Market, HDF5 or PETSc binary, found from its content");
  o.choice("-gen", s.gen,
           {"none", "laplacian2d", "convection_diffusion", "gaussian", "powerlaw", "tall"},
           "generated matrix in place of -mat; random ones from -seed");
  o.integer("-n", s.n, "1", Interval::closed(1, 2147483647),
            "size of the generated matrix: order n, or n*n for the grids, 20*n x n for tall");
  o.exclude("-mat", {"-gen", "-n"});
  o.group("Norm");
  const auto norm = [&](const char *name, const char *range, const char *fallback,
                        const char *help) {
    o.library(std::string("-lathe_norm_") + name, "1", range, fallback, help);
  };
  norm("tolerance", "> 0", "1e-6", "stop once upper <= (1 + tolerance) lower");
  norm("certificate", "rigorous | deterministic | probabilistic | estimate", "probabilistic",
       "weakest acceptable kind of the upper bound");
  norm("failure_probability", "(0, 1)", "1e-12", "of probabilistic bounds");
  norm("lanczos_steps", ">= 1", "100", "at most that many Lanczos steps");
  norm("gram_steps", "[0, 2]", "1", "at most that many sparse Gram products");
  norm("gram_fill", ">= 1", "20",
       "most nonzeros predicted of a Gram matrix, over those of the matrix it is a product of");
  norm("factor_fill", ">= 0", "50",
       "most nonzeros of a sparse Cholesky factor over those of the matrix; 0: none");
  norm("dense_limit", ">= 0", "4096", "smaller dimension up to which a dense Gram is factored");
  norm("seed", ">= 0", "1", "of the start vector");
  norm("monitor", "0 | 1", "0", "print one line a stage");
  o.accept_prefix("-mat_", "options of PETSc matrices and MUMPS");
}

const Column columns[] = {
    {.name = "upper", .long_name = "certified upper bound of the spectral norm"},
    {.name = "lower", .long_name = "lower bound of the spectral norm"},
    {.name = "certificate", .kind = Kind::text, .long_name = "how far upper can be trusted"},
    {.name = "method", .kind = Kind::text, .long_name = "algorithm that gave upper"},
    {.name = "failure_probability", .long_name = "probability that upper fails"},
    {.name = "products", .kind = Kind::integer, .long_name = "products with the matrix"},
    {.name = "step_upper", .long_name = "upper bound after each stage", .dims = {"step"}},
    {.name = "step_lower", .long_name = "lower bound after each stage", .dims = {"step"}},
    {.name = "step_products",
     .kind = Kind::integer,
     .long_name = "products so far",
     .dims = {"step"}},
    {.name = "step_seconds",
     .units = "s",
     .long_name = "time since the start",
     .dims = {"step"},
     .is_volatile = true},
};

struct Trace {
  std::string stages; // names, each with a space behind it
  std::vector<double> upper, lower, products, seconds;
};

PetscErrorCode keep_step(const LatheNormStep *step, void *context) {
  PetscFunctionBeginUser;
  auto *trace = static_cast<Trace *>(context);
  trace->stages += std::string(step->method) + " ";
  trace->upper.push_back(step->upper);
  trace->lower.push_back(step->lower);
  trace->products.push_back(static_cast<double>(step->products));
  trace->seconds.push_back(step->seconds);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode read_or_generate(Driver &d, const Settings &s, lathe::MatHandle *matrix) {
  PetscFunctionBeginUser;
  PetscCheck(!s.mat.empty() || s.gen != "none", d.comm(), PETSC_ERR_USER_INPUT,
             "no matrix; give either -mat FILE or -gen NAME");
  PetscCall(d.phase("read"));
  if (s.mat.empty()) {
    PetscCall(GenerateMatrix(d.comm(), s.gen.c_str(), static_cast<PetscInt>(s.n), d.seed(),
                             matrix->out()));
    PetscInt rows = 0;
    PetscInt cols = 0;
    PetscCall(MatGetSize(*matrix, &rows, &cols));
    PetscCall(d.input_fact("generator", s.gen));
    PetscCall(d.input_fact("rows", static_cast<std::int64_t>(rows)));
    PetscCall(d.input_fact("cols", static_cast<std::int64_t>(cols)));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(d.input_file("mat", s.mat));
  MatrixInfo info;
  PetscCall(ReadMatrix(d.comm(), s.mat.c_str(), matrix->out(), &info));
  PetscCall(d.input_fact("rows", info.rows));
  PetscCall(d.input_fact("cols", info.cols));
  PetscCall(d.input_fact("stored", info.stored));
  PetscCall(d.input_fact("format", info.format));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Name of the stage behind each entry of the trace.
PetscErrorCode write_stages(Driver &d, const Case &result) {
  PetscFunctionBeginUser;
  const auto *stages = result.record.get<std::string>("stages");
  if (!stages)
    PetscFunctionReturn(PETSC_SUCCESS);
  std::istringstream words(*stages);
  std::vector<std::string> names;
  for (std::string name; words >> name;)
    names.push_back(name);
  ResultFile *file = nullptr;
  PetscCall(d.file(&file));
  PetscCall(file->texts("step_method", {.long_name = "stage that was finished"}, {"step"}, names));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode compute(Driver &d, const Settings &s) {
  PetscFunctionBeginUser;
  lathe::MatHandle matrix;
  LatheNormOptions options;
  PetscCall(LatheNormOptionsSetDefaults(&options));
  PetscCall(LatheNormOptionsSetFromOptions(d.comm(), nullptr, &options));
  PetscCall(read_or_generate(d, s, &matrix));
  Case result;
  PetscCall(d.run_case(
      "norm", columns,
      [&](Record &r) -> PetscErrorCode {
        PetscFunctionBeginUser;
        Trace trace;
        options.monitor = keep_step;
        options.monitor_context = &trace;
        LatheNormBracket b;
        PetscCall(LatheMatNormBracket(matrix, &options, &b));
        r.real("upper", b.upper);
        r.real("lower", b.lower);
        r.text("certificate", lathe::lipschitz::name(b.certificate));
        r.text("method", b.method);
        r.real("failure_probability", b.failure_probability);
        r.integer("products", b.products);
        r.text("stages", trace.stages);
        r.array("step_upper", trace.upper);
        r.array("step_lower", trace.lower);
        r.array("step_products", trace.products);
        r.array("step_seconds", trace.seconds);
        PetscFunctionReturn(PETSC_SUCCESS);
      },
      &result));
  PetscCall(write_stages(d, result));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  Settings settings;
  const About about{"matrix_norm", "Certified bracket of the spectral norm of a matrix",
                    "Kuczynski, Wozniakowski: Estimating the largest eigenvalue by the power and "
                    "Lanczos algorithms with a random start, SIAM J. Matrix Anal. Appl. 13 (1992); "
                    "Rump: Verification of positive definiteness, BIT 46 (2006)",
                    "R0"};
  return run(
      argc, argv, about, [&](Options &o) { declare(o, settings); },
      [&](Driver &d) { return compute(d, settings); });
}
