// SPDX-License-Identifier: BSD-2-Clause
#include "lipschitz/frequency_max.h"
#include "core/error.h"
#include "core/interruption.h"
#include "lipschitz/dense_norm.h"
#include "lipschitz/frequency.h"
#include "lipschitz/gram_batch.h"
#include "lipschitz/rounding.h"
#include "lipschitz/symbol_gram.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>

namespace lathe::lipschitz {
namespace {

struct Candidate {
  std::int64_t group = 0, frequency = 0;
  double estimate = 0; // quick Lanczos value
};

// What belongs to one group.
struct GroupWork {
  GroupWork(const ConvolutionGeometry &geometry, const double *weight, std::int64_t g, int exponent)
      : group(g), symbol(make_symbol(geometry, weight, g, exponent)),
        absolute(absolute_norm(symbol)), norm(symbol, absolute) {}
  std::int64_t group;
  Symbol symbol;
  double absolute;
  FrequencyNorm norm;
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
  std::unique_ptr<GroupWork> work; // of the group visited last

  GroupWork &group(std::int64_t g) {
    if (!work || work->group != g) {
      work.reset();
      work = std::make_unique<GroupWork>(geometry, weight, g, exponent);
    }
    return *work;
  }
};

// Frequencies whose squared norm is within this relative distance of the maximum are evaluated
// canonically. It exceeds the relative distance between the upper bound of a frequency and its
// value: slack of the Cholesky factorisation ≤ √2·2(c+1)·c·u, of the Gram matrix ≤ √2·2(m+2)·c·u,
// shift 8√c·u.
double margin(const Symbol &symbol) noexcept {
  const auto c = static_cast<double>(symbol.cols), m = static_cast<double>(symbol.rows);
  return 1e-13 + (256 * c + 4 * c * c + 4 * m * c) * unit_roundoff;
}

std::uint64_t stream(const Search &s, std::int64_t group, std::int64_t k) noexcept {
  return static_cast<std::uint64_t>(group) * static_cast<std::uint64_t>(s.spectrum.size()) +
         static_cast<std::uint64_t>(k);
}

// Along which axes D(ω) depends on ω at all.
bool reaches(const ConvolutionAxis &axis) noexcept {
  return axis.span() >= axis.stride;
}
bool reaches(const ConvolutionGeometry &g) noexcept {
  return std::any_of(g.axis.begin(), g.axis.end(),
                     [](const ConvolutionAxis &axis) { return reaches(axis); });
}

// Frequency k, whose Gram matrix is in work.norm.
void settle(Search &s, GroupWork &work, std::int64_t k) {
  const double target = s.best * (1 - margin(work.symbol));
  if (target > 0) {
    ++s.factorizations;
    if (work.norm.below(target)) {
      s.settled = std::max(s.settled, target);
      return;
    }
  }
  ++s.lanczos_runs;
  const double estimate = work.norm.largest(true, stream(s, work.group, k));
  s.best = std::max(s.best, estimate);
  s.pending.push_back({work.group, k, estimate});
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
  return std::clamp<std::size_t>(cache / (16 * packed), lanes, 128) / lanes * lanes;
}

// Sweep over one group's frequencies, block by block: single precision settles most of a block,
// double precision what is left of it.
class GroupSweep {
public:
  GroupSweep(Search &s, GroupWork &work) : s_(s), work_(work) {
    if (prefer_direct(work.symbol, s.spectrum.size()))
      return;
    gram_.emplace(work.symbol, s.spectrum.extent());
    block_ = block_length(gram_->packed());
  }

  [[nodiscard]] std::int64_t blocks() const noexcept {
    const auto b = static_cast<std::int64_t>(block_);
    return (s_.spectrum.size() + b - 1) / b;
  }

  /// Coefficients of the Gram matrices; `shared`: split over the ranks, collective.
  PetscErrorCode Prepare(bool shared) {
    PetscFunctionBegin;
    if (!gram_)
      PetscFunctionReturn(PETSC_SUCCESS);
    // Splitting the products pays once they outweigh the sum over ranks.
    const Symbol &symbol = work_.symbol;
    const double products = static_cast<double>(symbol.count() * symbol.count()) *
                            static_cast<double>(symbol.cols * symbol.cols * symbol.rows);
    const bool split = shared && s_.size > 1 && products > 2e7;
    gram_->accumulate(symbol, split ? s_.rank : 0, split ? s_.size : 1);
    std::vector<double> &r = gram_->coefficients();
    constexpr std::size_t chunk = std::size_t{1} << 27;
    for (std::size_t at = 0; split && at < r.size(); at += chunk)
      PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, r.data() + at,
                                 static_cast<int>(std::min(chunk, r.size() - at)), MPI_DOUBLE,
                                 MPI_SUM, s_.comm));
    distance_ = add_up(
        mul_up(gram_->error(symbol, s_.phases, s_.size), mul_up(work_.absolute, work_.absolute)),
        0x1p-800);
    batch_.emplace(*gram_, distance_, work_.absolute);
    PetscFunctionReturn(PETSC_SUCCESS);
  }

  /// Settle every frequency of block b.
  void run(std::int64_t b) {
    const std::int64_t begin = b * static_cast<std::int64_t>(block_);
    const auto count = static_cast<std::size_t>(
        std::min(static_cast<std::int64_t>(block_), s_.spectrum.size() - begin));
    if (!gram_) {
      for (std::int64_t k = begin; k < begin + static_cast<std::int64_t>(count); ++k) {
        work_.norm.set(s_.phases, s_.spectrum[k]);
        settle(s_, work_, k);
      }
      return;
    }
    for (std::size_t first = 0; first < count; first += lanes)
      screen(begin + static_cast<std::int64_t>(first), std::min(lanes, count - first));
    settle_doubtful();
  }

private:
  // `count` frequencies from k on; those that single precision cannot settle become doubtful.
  void screen(std::int64_t k, std::size_t count) {
    std::array<Lattice, lanes> j{};
    for (std::size_t l = 0; l < count; ++l)
      j[l] = s_.spectrum[k + static_cast<std::int64_t>(l)];
    batch_->evaluate(s_.phases, j.data(), count);
    const auto doubt = [&](std::size_t l) {
      doubtful_.push_back({work_.group, k + static_cast<std::int64_t>(l), batch_->estimate()[l]});
    };
    unsigned open = (1U << count) - 1;
    if (s_.best == 0) { // a lower bound to begin with
      const auto &estimate = batch_->estimate();
      const auto l = static_cast<std::size_t>(
          std::max_element(estimate.begin(), estimate.begin() + static_cast<long>(count)) -
          estimate.begin());
      doubt(l);
      settle_doubtful();
      open &= ~(1U << l);
    }
    const double target = s_.best * (1 - margin(work_.symbol));
    for (std::size_t l = 0; l < count; ++l)
      if (batch_->upper()[l] <= target)
        open &= ~(1U << l);
    if (open != 0 && target > 0 && single_pays()) {
      const auto tries = std::popcount(open);
      open &= ~batch_->certify(target);
      s_.factorizations += tries;
      single_tries_ += tries;
      single_failures_ += std::popcount(open);
    }
    if (std::popcount(open) < static_cast<int>(count))
      s_.settled = std::max(s_.settled, target);
    for (std::size_t l = 0; l < count; ++l)
      if ((open >> l & 1U) != 0)
        doubt(l);
  }

  void settle_doubtful() {
    std::sort(doubtful_.begin(), doubtful_.end(),
              [](const Candidate &a, const Candidate &b) { return a.estimate > b.estimate; });
    const std::size_t count = doubtful_.size(), e = gram_->packed();
    j_.clear();
    for (const Candidate &d : doubtful_)
      j_.push_back(s_.spectrum[d.frequency]);
    re_.resize(std::max(re_.size(), e * count));
    im_.resize(re_.size());
    if (count > 0)
      gram_->evaluate(s_.phases, j_.data(), count, re_.data(), im_.data());
    for (std::size_t f = 0; f < count; ++f) {
      work_.norm.set_packed(re_.data() + f * e, im_.data() + f * e, distance_);
      settle(s_, work_, doubtful_[f].frequency);
    }
    doubtful_.clear();
  }

  // Single precision first, while it settles at least half of what it tries.
  [[nodiscard]] bool single_pays() const noexcept {
    return single_tries_ < 64 || 2 * single_failures_ < single_tries_;
  }

  Search &s_;
  GroupWork &work_;
  std::optional<SymbolGram> gram_; // none: its products would cost more than each D(ω)ᴴD(ω)
  std::optional<GramBatch> batch_;
  std::size_t block_ = lanes;
  double distance_ = 0; // of the Gram matrices in double precision
  std::int64_t single_tries_ = 0, single_failures_ = 0;
  std::vector<Candidate> doubtful_;
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
  GroupWork &work = s.group(group);
  if (work.absolute <= 0x1p-499) // a group of zeros: absolute_norm adds 2⁻⁵⁰⁰
    PetscFunctionReturn(PETSC_SUCCESS);
  GroupSweep sweep(s, work);
  const int parts = shared ? s.size : 1;
  const int part = shared ? s.rank : 0;
  PetscCall(sweep.Prepare(shared));
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
  for (auto i = static_cast<std::size_t>(s.rank); i < s.pending.size() && !stop_asked();
       i += static_cast<std::size_t>(s.size)) {
    const Candidate &candidate = s.pending[i];
    GroupWork &work = s.group(candidate.group);
    FrequencyNorm *norm = &work.norm;
    norm->set(s.phases, s.spectrum[candidate.frequency]);
    const double target = s.best * (1 - margin(work.symbol));
    if (candidate.estimate < target) {
      ++s.factorizations;
      if (norm->below(target)) {
        s.settled = std::max(s.settled, target);
        continue;
      }
    }
    Finalist f{candidate.group, candidate.frequency, 0, 0, 0, {}};
    ++s.lanczos_runs;
    f.value = norm->largest(false, stream(s, f.group, f.frequency));
    s.best = std::max(s.best, f.value);
    f.vector = norm->vector();
    f.lower = norm->lower();
    int tries = 0;
    f.upper = norm->upper(f.value, UpperBound::sharp, tries);
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

// Layers without reach on the strided lattice, such as 1×1 taps or a kernel as wide as the stride:
// one real matrix for each group.
std::vector<Finalist> dense_finalists(const Search &s) {
  std::vector<Finalist> finalists;
  for (std::int64_t g = s.rank; g < s.geometry.groups && !stop_asked(); g += s.size) {
    const Symbol symbol = make_symbol(s.geometry, s.weight, g, s.exponent);
    std::vector<double> witness;
    const NormBracket b = dense_norm<double>(
        {symbol.taps.data(), symbol.rows, symbol.cols, symbol.rows}, {}, nullptr, &witness);
    finalists.push_back({g, 0, b.lower, b.lower, b.upper, {witness.begin(), witness.end()}});
  }
  return finalists;
}

PetscErrorCode Find(Search &s, FrequencyMaximum *out) {
  PetscFunctionBegin;
  if (s.spectrum.extent() == Lattice{1, 1, 1} && !reaches(s.geometry)) {
    PetscCall(ElectWinner(s, dense_finalists(s), out));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
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
    Lattice used = extent;
    for (int i = 0; i < 3; ++i)
      used[i] = reaches(geometry.axis[i]) ? extent[i] : 1;
    Search search{comm,         0, 1, geometry, weight, exponent, HalfSpectrum(used),
                  Phases(used), 0, 0, {},       0,      0,        {}};
    PetscCallMPI(MPI_Comm_rank(comm, &search.rank));
    PetscCallMPI(MPI_Comm_size(comm, &search.size));
    PetscCall(Find(search, maximum));
  });
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::lipschitz
