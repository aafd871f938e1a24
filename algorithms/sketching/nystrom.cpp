// SPDX-License-Identifier: BSD-2-Clause
#include "sketching/nystrom.h"
#include "core/dense.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lathe::sketching {

PetscErrorCode NystromCore(TallView Omega, TallView Y, std::vector<double> *c, double *nu,
                           bool *definite) {
  const std::size_t k = Omega.cols;
  PetscFunctionBegin;
  *nu = 0;
  *definite = false;
  std::vector<double> squares(k);
  PetscCall(ColumnDots(Y, Y, squares.data()));
  const double norm = std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
  if (norm == 0)
    PetscFunctionReturn(PETSC_SUCCESS);
  std::vector<double> core(k * k);
  std::vector<double> gram(k * k);
  PetscCall(InnerProduct(Omega, Y, core.data()));
  PetscCall(InnerProduct(Omega, Omega, gram.data()));
  double asymmetry = 0;
  double largest = 0;
  for (std::size_t j = 0; j < k; ++j)
    for (std::size_t i = 0; i < k; ++i) {
      asymmetry = std::max(asymmetry, std::abs(core[i + j * k] - core[j + i * k]));
      largest = std::max(largest, std::abs(core[i + j * k]));
    }
  PetscCheck(asymmetry <= 1e-8 * largest, Y.rows.comm(), PETSC_ERR_ARG_WRONG,
             "The matrix is not symmetric: x'Ay and y'Ax differ by %g, their size is %g", asymmetry,
             largest);
  const double unit =
      std::numeric_limits<double>::epsilon() * norm / std::sqrt(static_cast<double>(Y.rows.rows()));
  for (double factor = 1; factor <= 100 && !*definite; factor *= 10) {
    *nu = factor * unit;
    c->resize(k * k);
    for (std::size_t j = 0; j < k; ++j)
      for (std::size_t i = 0; i < k; ++i)
        (*c)[i + j * k] =
            i > j ? 0 : 0.5 * (core[i + j * k] + core[j + i * k]) + *nu * gram[i + j * k];
    *definite = dense::potrf('U', k, c->data(), k) == 0;
  }
  for (std::size_t i = 0; i < Y.rows.local() * k; ++i)
    Y.data[i] += *nu * Omega.data[i];
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::sketching
