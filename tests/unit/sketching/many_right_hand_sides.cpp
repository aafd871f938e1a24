// SPDX-License-Identifier: BSD-2-Clause
// LatheMatLeastSquares with everything that LatheLeastSquares takes: column by column the same
// bits.
#include "harness/mpi_test.h"
#include "sketching/least_squares.h"
#include "unit/sketching/least_squares_problems.h"

#ifndef PETSC_USE_COMPLEX

namespace {

using namespace lathe;
using namespace lathe::test;

TEST_CASE("many right-hand sides with weights and a ridge, by every method", "[sketching]") {
  const PetscInt count = 4;
  for (const bool weighted : {false, true})
    for (const double ridge : {0.0, 1e-5})
      for (const char *type : {MATDENSE, MATAIJ}) {
        LeastSquares p = problem_of(400, 14, 1e5, 1e-2, 197);
        p.ridge = ridge;
        for (std::size_t i = 0; i < p.m && weighted; ++i)
          p.weight.push_back(std::exp(3 * random::normal(197, 22, i)));
        Distributed d;
        MatHandle B, X;
        VecHandle weights;
        PetscInt rows = 0, columns = 0;
        PETSC_OK(Distribute(p, type, &d));
        PETSC_OK(DistributeWeights(p, d.b, weights.out()));
        PETSC_OK(MatGetLocalSize(d.a, &rows, &columns));
        PETSC_OK(
            MatCreateDense(PETSC_COMM_WORLD, rows, PETSC_DECIDE, 400, count, nullptr, B.out()));
        PETSC_OK(
            MatCreateDense(PETSC_COMM_WORLD, columns, PETSC_DECIDE, 14, count, nullptr, X.out()));
        const auto column = [&](PetscInt k) { // the first that of the problem, the others random
          LeastSquares q = p;
          for (std::size_t i = 0; i < q.m && k > 0; ++i)
            q.b[i] = random::normal(198, static_cast<std::uint64_t>(k), i);
          return q;
        };
        const auto fill = [&](const std::vector<double> &from, Vec b) {
          PetscInt begin = 0, end = 0;
          PETSC_OK(VecGetOwnershipRange(b, &begin, &end));
          PetscScalar *to = nullptr;
          PETSC_OK(VecGetArrayWrite(b, &to));
          for (PetscInt i = begin; i < end; ++i)
            to[i - begin] = from[static_cast<std::size_t>(i)];
          PETSC_OK(VecRestoreArrayWrite(b, &to));
        };
        for (PetscInt k = 0; k < count; ++k) {
          Vec b = nullptr;
          PETSC_OK(MatDenseGetColumnVecWrite(B, k, &b));
          fill(column(k).b, b);
          PETSC_OK(MatDenseRestoreColumnVecWrite(B, k, &b));
        }
        for (const LatheLeastSquaresMethod method :
             {LATHE_LS_PNE, LATHE_LS_SPIR, LATHE_LS_FOSSILS}) {
          std::vector<LatheLeastSquaresResult> results(static_cast<std::size_t>(count));
          LatheLeastSquaresOptions o;
          PETSC_OK(LatheLeastSquaresOptionsSetDefaults(&o));
          o.method = method;
          o.ridge = static_cast<PetscReal>(ridge);
          PETSC_OK(LatheMatLeastSquares(d.a, B, weights, X, &o, results.data()));
          for (PetscInt k = 0; k < count; ++k) {
            const LeastSquares q = column(k);
            LatheLeastSquaresResult single;
            Vec x = nullptr;
            fill(q.b, d.b);
            PETSC_OK(LatheLeastSquares(d.a, d.b, weights, d.x, &o, &single));
            PETSC_OK(MatDenseGetColumnVecRead(X, k, &x));
            const std::vector<double> found = everywhere(x);
            PETSC_OK(MatDenseRestoreColumnVecRead(X, k, &x));
            const LatheLeastSquaresResult &result = results[static_cast<std::size_t>(k)];
            const ForwardError e = forward_error(found, exact_solution(q));
            CAPTURE(weighted, ridge, type, LatheLeastSquaresMethodName(method), k, e.ulps);
            CHECK_ALL(found == everywhere(d.x));
            CHECK_ALL(result.residual_norm == single.residual_norm);
            CHECK_ALL(result.iterations == single.iterations);
            CHECK_ALL(result.rank == 14);
            CHECK_ALL(e.ulps <= 1);
          }
        }
      }
}

} // namespace

#endif
