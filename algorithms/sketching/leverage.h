// SPDX-License-Identifier: BSD-2-Clause
// How much each row of a tall matrix matters: leverage scores, Lewis weights, ℓ_p sensitivities;
// and the samples of rows that they justify.
//
// Scores and weights keep their bits when A (and √lambda) or single columns of A are multiplied by
// powers of two, as long as entries remain between 2⁻⁹⁵⁰ and 2¹⁰⁰⁰.
#pragma once
#include "sketching/tall_matrix.h"
#include <cstdint>
#include <vector>

namespace lathe::sketching {

/// τ_i = ‖q_i‖² for an orthonormal basis Q of the range of A, also rank deficient; in [0, 1], Στ =
/// rank. With lambda > 0 ridge leverage, τ_i = a_iᵀ(AᵀA + lambda·I)⁻¹a_i, Στ the effective
/// dimension. Relative error of each score, however small, at most 1e-13 (measured: 5e-14) for
/// every condition number up to 10¹⁴ and any scale of the columns (row_basis.h). Class R0. Cost: 4
/// to 12 products of A by n×n; beyond a condition number of some 100 twice as much. Memory: 4 times
/// A.
///   in   A       m × n
///   out  scores  in the layout of A's rows; may be null
///   out  rank    numerical rank of A
/// err  ARG_OUTOFRANGE lambda < 0 or not finite; as TallMatrix
PetscErrorCode LeverageScores(TallMatrix &A, double lambda, double *scores, std::size_t *rank);

/// The same, none above 1, within a factor 1 ± epsilon for 99 % of the rows, for any A without
/// making it dense: row norms of A·X, X = R⁻¹·C⁻¹·G with R from a sketch, C the Cholesky factor of
/// (AR⁻¹)ᵀAR⁻¹, G a Gaussian n × k matrix over √k, k = ⌈ln 200/(ε²/4 − ε³/6)⌉; exact to 1e-12 where
/// k ≥ rank (X without G). Rank deficient A: by the singular values of R above 2⁻⁴⁷ of the largest.
/// Class R2. Cost: a sketch, 2mn² operations for C, and 2k for each stored entry of A. Memory on
/// every rank: A again where it is sparse, 6n² + nk numbers.
///   in   A       MATDENSE, MATAIJ or any type with MatGetRow, m ≥ n
///   out  scores  in the layout of the rows of A
/// err  ARG_OUTOFRANGE lambda as above, epsilon not in (0, 1); ARG_SIZ; SUP complex scalars
PetscErrorCode ApproximateLeverageScores(Mat A, double lambda, double epsilon, std::uint64_t seed,
                                         Vec scores);

/// ℓ_p Lewis weights, the fixed point of w_i = τ_i(W^(½−1/p)·A), 1 ≤ p < ∞, Σw = rank; p = 2:
/// leverage. Fixed-point residual max|τ_i/w_i − 1| ≤ 1e-13, or *residual says how far it came in
/// 500 steps. Iteration (in logarithms a contraction): w ← w^(1−p/2)·τ^(p/2) with factor |1 − p/2|
/// for p < 2 (Cohen, Peng, STOC 2015), w ← τ with factor 1 − 2/p above. Rows of zeros have weight
/// 0. Relative error 4e-13 for condition numbers up to 10¹² at least, as the iteration works on a
/// basis with accurate rows (row_basis.h). Class R0. Cost a step: two products of A by n×n.
/// Memory: 4 times A.
/// err  ARG_OUTOFRANGE p < 1 or not finite
PetscErrorCode LewisWeights(TallMatrix &A, double p, double *weights, double *residual);

/// The same for any A without making it dense, within a factor 1 ± ε for 99 % of the rows
/// (measured), also of rows whose sizes differ by 10¹⁶: that iteration with approximate leverage
/// scores, as often as it takes to bring log m below ε (m = 1000, ε = 0.1: 8 times for p = 1, 12
/// for p = 6). For p > 2 the last step, with scores within (1 + ε)^(2/p), goes to the weight that
/// each row has beside the others as they are. The weights bound the ℓ_p sensitivities: σ_i ≤ w_i
/// for p ≤ 2, n^(p/2−1)·w_i above. Class R2. Cost and memory: ApproximateLeverageScores a step, the
/// last with up to p²/4 times as many directions.
/// err  ARG_OUTOFRANGE p < 1 or not finite; as there
PetscErrorCode ApproximateLewisWeights(Mat A, double p, double epsilon, std::uint64_t seed,
                                       Vec weights);

/// Rows kept by independent draws with probability q_i = min(1, count·s_i/Σs) for scores s, each
/// row with the factor q_i^(−1/p) that leaves E‖SAx‖_p^p = ‖Ax‖_p^p. Row i is kept or not by (seed,
/// i) alone, and more rows keep all that fewer keep. Not collective but for Σs; class R0.
struct SampledRow {
  std::int64_t row;
  double factor;
};
PetscErrorCode SampleRows(const RowBlocks &rows, const double *scores, double count, double p,
                          std::uint64_t seed, std::vector<SampledRow> *kept);

/// Rows that make ‖SAx‖_p = (1 ± ε)‖Ax‖_p for all x in 99 % of the draws (measured with the worst x
/// for p = 1 to 4 and n = 2 to 20; mostly 0.4·ε), with Lewis weights as scores: n·(log n + 5)/ε²
/// for p ≤ 2 and n^(p/2)·(log n + 5)/ε² above (Cohen, Peng 2015, whose constant is left open).
double LewisSampleCount(std::size_t n, double p, double epsilon);

/// The same with the sensitivities as scores, of sum `total`: the factor (log n + 5)/ε² times
/// total^(2/p) for p < 2, total^(2−2/p) above, total for p = 2 (Woodruff, Yasuda, ICML 2023).
double SensitivitySampleCount(std::size_t n, double p, double epsilon, double total);

/// The same with sensitivity plus leverage as score: that factor times total + n for 1 ≤ p ≤ 2
/// (Munteanu, Omlor, arXiv:2406.00328), at most 2n since total ≤ n, while sensitivities alone take
/// up to n^(2/p); times n^(2/p)·total^(2−4/p) above (Woodruff, Yasuda 2023), no more than
/// sensitivities alone since total ≥ n. NaN for p < 1.
double AugmentedSampleCount(std::size_t n, double p, double epsilon, double total);

/// Scores of root leverage sampling, 1 ≤ p < 2: τ_i^(p/2), and their sum, at most
/// m^(1−p/2)·n^(p/2). They bound the Lewis weights, w_i ≤ τ_i^(p/2), as w_i ≤ 1 makes W^(1−2/p) at
/// least I; and cost one basis where those take an iteration. Class R0. Cost and memory:
/// LeverageScores.
///   out  scores  in the layout of A's rows; may be null
/// err  ARG_OUTOFRANGE p not in [1, 2)
PetscErrorCode RootLeverageScores(TallMatrix &A, double p, double *scores, double *total);

/// Rows for them: total·(log n + 5)/ε², for which every row is kept with at least the probability
/// that Lewis weights ask for. More rows than those take, by total/n; the fixed point of sampling a
/// sample by its own scores, about n·((log n + 5)/ε²)^(2/p) rows, is linear in n (Woodruff, Yasuda
/// 2023).
double RootLeverageSampleCount(std::size_t n, double epsilon, double total);

} // namespace lathe::sketching
