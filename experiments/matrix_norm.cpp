// SPDX-License-Identifier: BSD-2-Clause
// matrix_norm: certified bracket of the spectral norm of a matrix from a file.
#include "core/handle.h"
#include "driver/driver.h"
#include "driver/matrix_io.h"
#include "lipschitz/lipschitz.h"

namespace {

using namespace lathe::driver;

struct Settings {
  std::string mat;
};

void declare(Options &o, Settings &s) {
  o.group("Input");
  o.file("-mat", s.mat, "matrix: Matrix Market, HDF5 or PETSc binary, found from its content");
  o.group("Norm");
  const auto norm = [&](const char *name, const char *range, const char *fallback,
                        const char *help) {
    o.library(std::string("-lathe_norm_") + name, "1", range, fallback, help);
  };
  norm("tolerance", "> 0", "1e-6", "stop once upper <= (1 + tolerance) lower");
  norm("certificate", "rigorous | deterministic | probabilistic | estimate", "estimate",
       "weakest acceptable kind of the upper bound");
  norm("failure_probability", "(0, 1)", "1e-12", "of probabilistic bounds");
  norm("lanczos_steps", ">= 1", "100", "at most that many Lanczos steps");
  norm("gram_steps", "[0, 2]", "library", "at most that many sparse Gram products");
  norm("gram_fill", ">= 1", "library", "most nonzeros of the Gram matrix over those of the matrix");
  norm("factor_fill", ">= 1", "library", "most nonzeros of a factor over those of the matrix");
  norm("dense_limit", ">= 0", "library", "smaller dimension up to which a dense Gram is formed");
  norm("seed", ">= 0", "library", "of the start vector");
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
  std::vector<double> upper, lower, products, seconds;
};

PetscErrorCode keep_step(const LatheNormStep *step, void *context) {
  PetscFunctionBeginUser;
  auto *trace = static_cast<Trace *>(context);
  trace->upper.push_back(step->upper);
  trace->lower.push_back(step->lower);
  trace->products.push_back(static_cast<double>(step->products));
  trace->seconds.push_back(step->seconds);
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode compute(Driver &d, const Settings &s) {
  PetscFunctionBeginUser;
  PetscCheck(!s.mat.empty(), d.comm(), PETSC_ERR_USER_INPUT, "no matrix; give -mat FILE");
  PetscCall(d.phase("read"));
  PetscCall(d.input_file("mat", s.mat));
  lathe::MatHandle matrix;
  MatrixInfo info;
  PetscCall(ReadMatrix(d.comm(), s.mat.c_str(), matrix.out(), &info));
  PetscCall(d.input_fact("rows", info.rows));
  PetscCall(d.input_fact("cols", info.cols));
  PetscCall(d.input_fact("stored", info.stored));
  PetscCall(d.input_fact("format", info.format));
  PetscCall(d.run_case("norm", columns, [&](Record &r) -> PetscErrorCode {
    PetscFunctionBeginUser;
    Trace trace{.upper = {}, .lower = {}, .products = {}, .seconds = {}};
    LatheNormOptions options;
    PetscCall(LatheNormOptionsSetDefaults(&options));
    PetscCall(LatheNormOptionsSetFromOptions(d.comm(), nullptr, &options));
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
    r.array("step_upper", trace.upper);
    r.array("step_lower", trace.lower);
    r.array("step_products", trace.products);
    r.array("step_seconds", trace.seconds);
    PetscFunctionReturn(PETSC_SUCCESS);
  }));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  Settings settings;
  const About about{"matrix_norm", "Certified bracket of the spectral norm of a matrix",
                    "see algorithms/lipschitz/operator_norm.h", "R2"};
  return run(
      argc, argv, about, [&](Options &o) { declare(o, settings); },
      [&](Driver &d) { return compute(d, settings); });
}
