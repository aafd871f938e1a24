// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/frequency_max.h"
#include "core/error.h"
#include "core/interruption.h"
#include "lipschitz/frequency.h"
#include "lipschitz/rounding.h"
#include "lipschitz/symbol_gram.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace lathe::lipschitz {
namespace {

struct Candidate {
  std::int64_t group = 0, frequency = 0;
  double estimate = 0; // quick Lanczos value
};

// State of one rank's search.
struct Search {
  MPI_Comm comm = MPI_COMM_SELF;
  int rank = 0, size = 1;
  const ConvolutionGeometry &geometry;
  const double *weight;
  int exponent;
  HalfSpectrum spectrum;
  Phases phases;
  double best = 0;    // largest ‖D‖² found so far
  double settled = 0; // largest bound of ‖D‖² by which a frequency was settled
  std::vector<Candidate> pending;
  std::int64_t factorizations = 0, lanczos_runs = 0;
};

// Frequencies whose squared norm is within this relative distance of the maximum are evaluated
// canonically. It exceeds the relative distance between the upper bound of a frequency and its
// value: slack of the Cholesky factorisation ≤ √2·2(c+1)·c·u, of the Gram matrix ≤ √2·2(m+2)·c·u,
// shift 4c·u.
double margin(const Symbol &symbol) noexcept {
  const auto c = static_cast<double>(symbol.cols), m = static_cast<double>(symbol.rows);
  return 1e-13 + (256 * c + 4 * c * c + 4 * m * c) * unit_roundoff;
}

std::uint64_t stream(const Search &s, std::int64_t group, std::int64_t k) noexcept {
  return static_cast<std::uint64_t>(group) * static_cast<std::uint64_t>(s.spectrum.size()) +
         static_cast<std::uint64_t>(k);
}

// One frequency whose Gram matrix is in `norm`.
void settle(Search &s, FrequencyNorm &norm, std::int64_t group, std::int64_t k,
            const Symbol &symbol) {
  const double target = s.best * (1 - margin(symbol));
  if (target > 0) {
    ++s.factorizations;
    if (norm.below(target)) {
      s.settled = std::max(s.settled, target);
      return;
    }
  }
  ++s.lanczos_runs;
  const double estimate = norm.largest(true, stream(s, group, k));
  s.best = std::max(s.best, estimate);
  s.pending.push_back({group, k, estimate});
}

// Upper bound of λ_max from trace and Frobenius norm: mean + √((c−1)/c·(s₂ − s₁²/c)).
struct Screen {
  double frobenius = 0, upper = 0;
};
Screen screen(const double *re, const double *im, std::size_t c) noexcept {
  double trace = 0, diagonal = 0, square = 0;
  for (std::size_t q = 0, e = 0; q < c; ++q) {
    trace += re[e];
    diagonal += re[e] * re[e];
    for (std::size_t p = q; p < c; ++p, ++e)
      square += re[e] * re[e] + im[e] * im[e];
  }
  square = 2 * square - diagonal;
  const auto n = static_cast<double>(c);
  const double mean = trace / n;
  const double rounding = 8 * gamma_up(n * (n + 1)); // of the sums, relative to square/n ≥ mean²
  const double variance = std::max(0.0, square / n - mean * mean) + rounding * square / n;
  return {square, (mean + std::sqrt((n - 1) * variance)) * (1 + rounding)};
}

// Positions of `n` items in a fixed order that jumps over the whole range, so that the lower bound
// rises early: multiples of a step near n/golden ratio, coprime to n.
std::int64_t golden_step(std::int64_t n) noexcept {
  auto step = static_cast<std::int64_t>(static_cast<double>(n) * 0.6180339887498949) | 1;
  while (std::gcd(step, n) != 1)
    ++step;
  return step % n;
}

std::size_t block_length(std::size_t packed) noexcept {
  constexpr std::size_t cache = std::size_t{1} << 19; // bytes of one block of Gram matrices
  return std::clamp<std::size_t>(cache / (16 * packed), 8, 128);
}

// Chunk of positions first, first + step, … of one group's frequencies on this rank.
class GroupSweep {
public:
  GroupSweep(Search &s, const Symbol &symbol, std::int64_t group, double absolute)
      : s_(s), symbol_(symbol), group_(group), absolute_(absolute), norm_(symbol, absolute),
        direct_(prefer_direct(symbol, s.spectrum.size())),
        gram_(symbol, direct_ ? Lattice{1, 1, 1} : s.spectrum.extent()),
        block_(direct_ ? 1 : block_length(gram_.packed())) {}

  [[nodiscard]] bool direct() const noexcept { return direct_; }
  [[nodiscard]] SymbolGram &gram() noexcept { return gram_; }
  [[nodiscard]] std::int64_t blocks() const noexcept {
    const auto b = static_cast<std::int64_t>(block_);
    return (s_.spectrum.size() + b - 1) / b;
  }

  // Settle every frequency of block b.
  void run(std::int64_t b) {
    const std::int64_t begin = b * static_cast<std::int64_t>(block_);
    const auto count = static_cast<std::size_t>(
        std::min(static_cast<std::int64_t>(block_), s_.spectrum.size() - begin));
    if (direct_) {
      norm_.set(s_.phases, s_.spectrum[begin]);
      settle(s_, norm_, group_, begin, symbol_);
      return;
    }
    j_.resize(count);
    for (std::size_t f = 0; f < count; ++f)
      j_[f] = s_.spectrum[begin + static_cast<std::int64_t>(f)];
    const std::size_t e = gram_.packed();
    re_.resize(e * block_);
    im_.resize(e * block_);
    gram_.evaluate(s_.phases, j_.data(), count, re_.data(), im_.data());
    const double error = gram_error();
    std::vector<std::pair<double, std::size_t>> order;
    std::vector<double> upper(count);
    for (std::size_t f = 0; f < count; ++f) {
      const Screen sc = screen(re_.data() + f * e, im_.data() + f * e, symbol_.cols);
      upper[f] = add_up(sc.upper, error);
      order.emplace_back(-sc.frobenius, f);
    }
    std::sort(order.begin(), order.end());
    for (const auto &[weight, f] : order) {
      const double target = s_.best * (1 - margin(symbol_));
      if (upper[f] <= target) {
        s_.settled = std::max(s_.settled, target);
        continue;
      }
      if (target > 0 && single_pays()) {
        ++single_tries_;
        ++s_.factorizations;
        const double frobenius = sqrt_up(mul_up(-weight, 1 + 0x1p-20));
        if (norm_.below_single(re_.data() + f * e, im_.data() + f * e, frobenius, error, target)) {
          s_.settled = std::max(s_.settled, target);
          continue;
        }
        ++single_failures_;
      }
      norm_.set_packed(re_.data() + f * e, im_.data() + f * e, error);
      settle(s_, norm_, group_, begin + static_cast<std::int64_t>(f), symbol_);
    }
  }

private:
  // Single precision first, while it settles at least half of what it tries (c ≥ 16: below, the
  // conversion costs as much as the factorisation).
  [[nodiscard]] bool single_pays() const noexcept {
    return symbol_.cols >= 16 && (single_tries_ < 32 || 2 * single_failures_ < single_tries_);
  }
  [[nodiscard]] double gram_error() const noexcept {
    return add_up(mul_up(gram_.error(symbol_, s_.phases, s_.size), mul_up(absolute_, absolute_)),
                  0x1p-800);
  }
  Search &s_;
  const Symbol &symbol_;
  std::int64_t group_;
  double absolute_;
  FrequencyNorm norm_;
  bool direct_;
  SymbolGram gram_;
  std::size_t block_;
  std::int64_t single_tries_ = 0, single_failures_ = 0;
  std::vector<Lattice> j_;
  std::vector<double> re_, im_;
};

PetscErrorCode ShareBest(Search &s) {
  PetscFunctionBegin;
  if (s.size > 1)
    PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &s.best, 1, MPI_DOUBLE, MPI_MAX, s.comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

// All frequencies of one group; with `shared`, split over the ranks (then collective).
PetscErrorCode SweepGroup(Search &s, std::int64_t group, bool shared) {
  PetscFunctionBegin;
  const Symbol symbol = make_symbol(s.geometry, s.weight, group, s.exponent);
  const double absolute = absolute_norm(symbol);
  if (absolute <= 0x1p-499) // a group of zeros: absolute_norm adds 2⁻⁵⁰⁰
    PetscFunctionReturn(PETSC_SUCCESS);
  GroupSweep sweep(s, symbol, group, absolute);
  const int parts = shared ? s.size : 1;
  const int part = shared ? s.rank : 0;
  if (!sweep.direct()) {
    // Splitting the products pays once they outweigh the sum over ranks.
    const double products = static_cast<double>(symbol.count() * symbol.count()) *
                            static_cast<double>(symbol.cols * symbol.cols * symbol.rows);
    const bool split = parts > 1 && products > 2e7;
    sweep.gram().accumulate(symbol, split ? part : 0, split ? parts : 1);
    std::vector<double> &r = sweep.gram().coefficients();
    constexpr std::size_t chunk = std::size_t{1} << 27;
    for (std::size_t at = 0; split && at < r.size(); at += chunk)
      PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, r.data() + at,
                                 static_cast<int>(std::min(chunk, r.size() - at)), MPI_DOUBLE,
                                 MPI_SUM, s.comm));
  }
  const std::int64_t blocks = sweep.blocks();
  const std::int64_t step = golden_step(blocks);
  const std::int64_t rounds = (blocks + parts - 1) / parts;
  for (std::int64_t round = 0; round < rounds; ++round) {
    const std::int64_t position = round * parts + part;
    if (position < blocks && !stop_asked()) {
      __extension__ using Wide = __int128;
      sweep.run(static_cast<std::int64_t>(static_cast<Wide>(position) * step % blocks));
    }
    if (shared && (round == 0 || round == rounds / 8))
      PetscCall(ShareBest(s));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

// A frequency near the maximum, evaluated canonically.
struct Finalist {
  std::int64_t group = 0, frequency = 0;
  double value = 0, lower = 0, upper = 0;
  std::vector<Complex> vector;
};

PetscErrorCode GatherPending(Search &s) {
  PetscFunctionBegin;
  std::vector<int> counts(static_cast<std::size_t>(s.size)), starts(counts.size() + 1, 0);
  const int mine = static_cast<int>(s.pending.size() * sizeof(Candidate));
  PetscCallMPI(MPI_Allgather(&mine, 1, MPI_INT, counts.data(), 1, MPI_INT, s.comm));
  std::partial_sum(counts.begin(), counts.end(), starts.begin() + 1);
  std::vector<Candidate> all(static_cast<std::size_t>(starts.back()) / sizeof(Candidate));
  PetscCallMPI(MPI_Allgatherv(s.pending.data(), mine, MPI_BYTE, all.data(), counts.data(),
                              starts.data(), MPI_BYTE, s.comm));
  s.pending = std::move(all);
  std::sort(s.pending.begin(), s.pending.end(), [](const Candidate &a, const Candidate &b) {
    if (a.estimate != b.estimate)
      return a.estimate > b.estimate;
    return std::pair(a.group, a.frequency) < std::pair(b.group, b.frequency);
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

// Evaluate this rank's share of the candidates straight from the taps; keep those near the maximum.
std::vector<Finalist> evaluate_candidates(Search &s) {
  std::vector<Finalist> finalists;
  std::unique_ptr<Symbol> symbol;
  std::unique_ptr<FrequencyNorm> norm;
  std::int64_t group = -1;
  for (auto i = static_cast<std::size_t>(s.rank); i < s.pending.size() && !stop_asked();
       i += static_cast<std::size_t>(s.size)) {
    const Candidate &candidate = s.pending[i];
    if (candidate.group != group) {
      group = candidate.group;
      norm.reset();
      symbol = std::make_unique<Symbol>(make_symbol(s.geometry, s.weight, group, s.exponent));
      norm = std::make_unique<FrequencyNorm>(*symbol, absolute_norm(*symbol));
    }
    norm->set(s.phases, s.spectrum[candidate.frequency]);
    const double target = s.best * (1 - margin(*symbol));
    if (candidate.estimate < target) {
      ++s.factorizations;
      if (norm->below(target)) {
        s.settled = std::max(s.settled, target);
        continue;
      }
    }
    Finalist f{group, candidate.frequency, 0, 0, 0, {}};
    ++s.lanczos_runs;
    f.value = norm->largest(false, stream(s, group, f.frequency));
    s.best = std::max(s.best, f.value);
    f.vector = norm->vector();
    f.lower = norm->lower();
    int tries = 0;
    f.upper = norm->upper(f.value, tries);
    s.factorizations += tries;
    finalists.push_back(std::move(f));
  }
  return finalists;
}

// The best finalist of all ranks: largest value, then smallest group and frequency.
PetscErrorCode ElectWinner(Search &s, const std::vector<Finalist> &mine, FrequencyMaximum *out) {
  PetscFunctionBegin;
  const Finalist *best = nullptr;
  double upper = sqrt_up(s.settled);
  for (const Finalist &f : mine) {
    upper = std::max(upper, f.upper);
    if (!best || f.value > best->value ||
        (f.value == best->value &&
         std::pair(f.group, f.frequency) < std::pair(best->group, best->frequency)))
      best = &f;
  }
  double value = best ? best->value : -1;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_MAX, s.comm));
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &upper, 1, MPI_DOUBLE, MPI_MAX, s.comm));
  const bool tied = best && best->value == value;
  std::int64_t key =
      tied ? static_cast<std::int64_t>(stream(s, best->group, best->frequency)) : INT64_MAX;
  std::int64_t lowest = key;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &lowest, 1, MPI_INT64_T, MPI_MIN, s.comm));
  int owner = tied && key == lowest ? s.rank : s.size;
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, &owner, 1, MPI_INT, MPI_MIN, s.comm));
  out->upper = upper;
  if (owner == s.size) // every group is zero
    PetscFunctionReturn(PETSC_SUCCESS);
  std::array<std::int64_t, 3> header{};
  if (best && s.rank == owner)
    header = {best->group, best->frequency, static_cast<std::int64_t>(best->vector.size())};
  PetscCallMPI(MPI_Bcast(header.data(), 3, MPI_INT64_T, owner, s.comm));
  out->group = header[0];
  out->frequency = s.spectrum[header[1]];
  out->vector.resize(static_cast<std::size_t>(header[2]));
  if (best && s.rank == owner) {
    out->vector = best->vector;
    out->lower = best->lower;
  }
  PetscCallMPI(MPI_Bcast(out->vector.data(), static_cast<int>(2 * out->vector.size()), MPI_DOUBLE,
                         owner, s.comm));
  PetscCallMPI(MPI_Bcast(&out->lower, 1, MPI_DOUBLE, owner, s.comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode Find(Search &s, FrequencyMaximum *out) {
  PetscFunctionBegin;
  const std::int64_t groups = s.geometry.groups;
  const bool whole_groups = groups >= 2 * s.size; // enough groups to give each rank its own
  for (std::int64_t g = 0; g < groups; ++g) {
    if (whole_groups && g % s.size != s.rank)
      continue;
    PetscCall(SweepGroup(s, g, !whole_groups));
  }
  PetscCall(StopTogether(s.comm));
  PetscCall(ShareBest(s));
  PetscCall(GatherPending(s));
  const std::vector<Finalist> finalists = evaluate_candidates(s);
  PetscCall(StopTogether(s.comm));
  PetscCall(ElectWinner(s, finalists, out));
  std::array<std::int64_t, 2> work{s.factorizations, s.lanczos_runs};
  PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, work.data(), 2, MPI_INT64_T, MPI_SUM, s.comm));
  out->factorizations = work[0];
  out->lanczos_runs = work[1];
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

PetscErrorCode FrequencyMaximumFind(MPI_Comm comm, const ConvolutionGeometry &geometry,
                                    const double *weight, int exponent, const Lattice &extent,
                                    FrequencyMaximum *maximum) {
  PetscFunctionBegin;
  *maximum = FrequencyMaximum();
  LatheGuard(comm, {
    Search search{comm,           0, 1, geometry, weight, exponent, HalfSpectrum(extent),
                  Phases(extent), 0, 0, {},       0,      0};
    PetscCallMPI(MPI_Comm_rank(comm, &search.rank));
    PetscCallMPI(MPI_Comm_size(comm, &search.size));
    PetscCall(Find(search, maximum));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz
