// SPDX-License-Identifier: BSD-2-Clause
// vmf_fit: von Mises-Fisher distributions and mixtures of them fitted to rows of features.
#include "vmf_fit_cases.h"

namespace {

using namespace vmf_fit;

void declare(Options &o, Settings &s) {
  o.group("Rows from a file");
  o.file("-data", s.data,
         "dataset FILE.h5:/dataset (n, d), float32 or float64, one row a direction");
  o.flag("-normalize", s.normalize,
         "scale every row to length 1; else rows of another length are refused");
  o.file("-labels", s.labels, "FILE.h5:/dataset (n) of integers: also a fit for every class");
  o.group("Generated rows, when -data is absent: one case for every -dim and -kappa");
  o.integers("-dim", s.dim, "1", Interval::closed(2, 16777216), "dimensions");
  o.reals("-kappa", s.kappa, "1", Interval::at_least(0),
          "true concentrations; absent: -kappa_over_dim times the dimension");
  o.reals("-kappa_over_dim", s.kappa_over_dim, "1", Interval::at_least(0),
          "true concentrations as multiples of the dimension");
  o.integer("-rows", s.rows, "1", Interval::closed(1, 1e12), "rows of a case");
  o.group("Model");
  o.integer("-components", s.components, "1", Interval::closed(1, 65536),
            "of a mixture, by expectation maximisation");
  o.choice("-estimator", s.estimator, {"corrected", "mle"},
           "kappa: corrected for the length that n random rows have, or mle, the maximum of the "
           "likelihood; EM maximises likelihood with either, corrected applies to its last kappa");
  o.integer("-starts", s.starts, "1", Interval::closed(1, 1000000),
            "of the mixture, each from other rows; the most likely is kept");
  o.real("-tolerance", s.tolerance, "1", Interval::above(0),
         "a start ends when the mean log-likelihood of a row grows by less");
  o.integer("-max_steps", s.max_steps, "1", Interval::closed(1, 1e9), "of a start");
  o.real("-kappa_max", s.kappa_max, "1", Interval::above(0),
         "bound of kappa in a mixture, against components that shrink to one row");
}

PetscErrorCode compute(Driver &d, const Settings &s) {
  PetscFunctionBeginUser;
  if (s.data.empty()) {
    PetscCheck(s.labels.empty() && s.components == 1, d.comm(), PETSC_ERR_USER_INPUT,
               "%s needs rows from a file; give -data FILE.h5:/dataset",
               s.labels.empty() ? "-components" : "-labels");
    PetscCall(FitGenerated(d, s));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(d.phase("read"));
  PetscCall(d.input_file("data", s.data));
  FeatureFile file;
  PetscCall(file.Open(d.comm(), s.data));
  PetscCheck(file.dim() >= 2 && file.rows() >= 1, d.comm(), PETSC_ERR_USER_INPUT,
             "%s: %lld rows of %lld features; must be at least 1 row of at least 2 features",
             file.where().c_str(), static_cast<long long>(file.rows()),
             static_cast<long long>(file.dim()));
  PetscCall(d.input_fact("rows", file.rows()));
  PetscCall(d.input_fact("features", file.dim()));
  PetscCall(d.input_fact("precision", std::string(file.single_precision() ? "single" : "double")));
  RowLabels labels;
  if (!s.labels.empty()) {
    PetscCall(d.input_file("labels", s.labels));
    PetscCall(ReadLabels(d.comm(), s.labels, file.rows(), file.mine(), &labels));
  }
  if (s.components == 1)
    PetscCall(FitSingle(d, s, file, labels));
  else
    PetscCall(FitMixture(d, s, file, labels));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  Settings settings;
  const About about{"vmf_fit", "von Mises-Fisher distributions and mixtures fitted to directions",
                    "Banerjee, Dhillon, Ghosh, Sra: Clustering on the unit hypersphere using von "
                    "Mises-Fisher distributions, J. Mach. Learn. Res. 6 (2005); Wood: Simulation "
                    "of the von Mises Fisher distribution, Comm. Statist. Simula. 23 (1994)",
                    "R0"};
  return run(
      argc, argv, about, [&](Options &o) { declare(o, settings); },
      [&](Driver &d) { return compute(d, settings); });
}
