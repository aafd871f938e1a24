// SPDX-License-Identifier: BSD-2-Clause
// ℓ_p sensitivities against values to 17 digits (mpmath, Newton's method with 40 digits), and rows
// whose leverage is 1.
#include "unit/sketching/lp_problem.h"

#if !defined(PETSC_USE_COMPLEX)

using namespace lathe;
using namespace lathe::sketching;
using test::lp_noise;
using test::LpProblem;

namespace {

double zero(PetscInt) {
  return 0;
}

std::vector<double> sensitivities(const test::LpEntry &entry, PetscInt m, PetscInt n, double p) {
  LpProblem problem(PETSC_COMM_WORLD, m, n, entry, zero, true);
  LpProblem serial(PETSC_COMM_SELF, m, n, entry, zero);
  std::vector<double> s, alone;
  PETSC_OK(LpSensitivities(problem.A, p, {}, &s));
  PETSC_OK(LpSensitivities(serial.A, p, {}, &alone));
  CHECK_ALL(s == alone);
  return s;
}

std::vector<double> approximate(const test::LpEntry &entry, PetscInt m, PetscInt n, double p) {
  LpProblem problem(PETSC_COMM_WORLD, m, n, entry, zero, true);
  std::vector<double> here(problem.b.size()), whole;
  PETSC_OK(ApproximateLpSensitivities(problem.A, p, 0.3, 1, here.data()));
  PETSC_OK(GatherColumn({problem.A.rows(), here.data(), 1}, &whole));
  return whole;
}

struct Reference {
  double p;
  std::vector<double> values;
};

const Reference references[] = {
    {1.2,
     {0.13938868762603861, 0.13928276775573907, 0.44415550043018955, 0.31716255711082654,
      0.18294391704877859, 0.1744261642233558, 0.22651752458501552, 0.17359013021605994,
      0.1168692948141016, 0.0941763239240353, 0.19649133366021032, 0.18846543253238373}},
    {1.5,
     {0.14181211539846653, 0.14159409163565346, 0.55265880152124807, 0.38260745921696555,
      0.1947488710948998, 0.17469594053888628, 0.25804498433757028, 0.1798008343137997,
      0.10938596798836012, 0.083998914670988095, 0.21707843552143402, 0.20234374051712123}},
    {3,
     {0.14647039018045896, 0.14674710844210384, 0.91358537163659615, 0.67096520097455922,
      0.25229208963678282, 0.1480167808414828, 0.41257701270892482, 0.15757225659686612,
      0.057269195823945282, 0.041279165315693318, 0.31393864790949814, 0.26260886928233441}},
    {8,
     {0.12608310215830666, 0.1201102805012277, 0.99987079626986616, 0.98239232776211058,
      0.384518836019865, 0.050641042956284306, 0.81481702295711447, 0.046059390613258,
      0.0031181604663920001, 0.0021266188965119031, 0.65340777399368918, 0.40785810145347631}},
    {20,
     {0.049671069304515481, 0.031556401507343279, 0.99999999996800633, 0.99998736451913107,
      0.62427182818009494, 0.0022524524860074144, 0.99614551552241594, 0.0012685051152280919,
      1.7031355702891384e-6, 6.9131649901838217e-7, 0.9790957303972558, 0.68862880620715459}},
    {50,
     {0.0030054619970672857, 0.00065311956660480577, 1.0, 0.99999999999982321, 0.94608949828506617,
      8.2533090179892701e-7, 0.99999979046814796, 1.2758199981023524e-7, 1.0584031555227792e-14,
      1.1645338479093084e-15, 0.9999894424549329, 0.97435168274657441}}};

double table(PetscInt i, PetscInt j) {
  return static_cast<double>(((i + 2) * (i + 2) * (j + 1) + 5 * i * j + i * i * j * j + 3 * j) %
                             13) -
         6;
}

} // namespace

TEST_CASE("sensitivities to 1e-11 for p from 1.2 to 50", "[sketching]") {
  double worst = 0;
  for (const Reference &reference : references) {
    const std::vector<double> s = sensitivities(table, 12, 3, reference.p);
    // The same of A·T, T of condition 1e10: Gram-Schmidt alone would lose ten digits.
    const std::vector<double> t = sensitivities(
        [](PetscInt i, PetscInt j) {
          return j == 2 ? std::ldexp(table(i, 2), -33) + table(i, 0)
                        : std::ldexp(table(i, j), 90 * static_cast<int>(j));
        },
        12, 3, reference.p);
    for (std::size_t i = 0; i < s.size(); ++i) {
      INFO("p " << reference.p << ", row " << i << ": " << s[i] << ", " << t[i]);
      const double error = std::max(std::abs(s[i] / reference.values[i] - 1),
                                    std::abs(t[i] / reference.values[i] - 1));
      worst = std::max(worst, error);
      CHECK_ALL(error <= 1e-11);
    }
  }
  WARN("worst relative error of a sensitivity " << worst);
}

TEST_CASE("rows of leverage 1 have sensitivity 1", "[sketching]") {
  for (const double p : {1.0, 1.5, 3.0, 10.0, 50.0, 1000.0}) {
    INFO("p " << p);
    for (const PetscInt n : {1, 2, 5}) { // invertible, with rows of zeros below
      const std::vector<double> s = sensitivities(
          [n](PetscInt i, PetscInt j) { return i < n ? lp_noise(i, j, 21) : 0.0; }, n + 2, n, p);
      for (std::size_t i = 0; i < s.size(); ++i)
        CHECK_ALL(s[i] == (i < static_cast<std::size_t>(n) ? 1 : 0));
    }
    const auto dummy = [](PetscInt i, PetscInt j) { // the last row alone has the last column
      return i < 60 && j == 3 ? 0.0 : lp_noise(i, j, 22);
    };
    const std::vector<double> exact = sensitivities(dummy, 61, 4, p);
    CHECK_ALL(exact[60] == 1);
    CHECK_ALL(*std::max_element(exact.begin(), exact.end()) == 1);
    const std::vector<double> near = approximate(dummy, 61, 4, p);
    CHECK_ALL(std::abs(near[60] - 1) <= 1e-11);
  }
  const auto tall = [](PetscInt i, PetscInt j) { // stopped at an internal message
    return i < 300 && j == 3 ? 0.0 : lp_noise(i, j, 22);
  };
  CHECK_ALL(std::abs(approximate(tall, 301, 4, 20)[300] - 1) <= 1e-11);
}

#endif
