// SPDX-License-Identifier: BSD-2-Clause
#include "core/nested_dissection.h"
#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <span>

namespace lathe {
namespace {

using Vertex = std::int32_t;

constexpr std::size_t leaf_size = 64; // one word of adjacency bits a vertex
constexpr int root_searches = 4;      // breadth-first searches for a peripheral root, at most
constexpr double smallest_side = 0.2; // share of the vertices on the lighter side of a level cut

class Dissection {
public:
  Dissection(std::size_t n, const std::size_t *offset, const Vertex *neighbour, double budget,
             std::vector<Vertex> &order)
      : offset_(offset), neighbour_(neighbour), budget_(budget), order_(order), subset_(n, 0),
        level_(n, unseen), scratch_(n) {
    order_.resize(n);
    for (std::size_t v = 0; v < n; ++v)
      order_[v] = static_cast<Vertex>(v);
  }

  bool run() {
    push_components(0, order_.size());
    while (!tasks_.empty() && spent_ <= budget_) {
      const Task t = tasks_.back();
      tasks_.pop_back();
      split(t);
    }
    return spent_ <= budget_;
  }

private:
  // A connected set of vertices, order_[begin, end), which is also where they will be eliminated.
  struct Task {
    std::size_t begin, end;
  };
  static constexpr Vertex unseen = -1;

  template <class F> void each_neighbour(Vertex v, F &&f) const {
    const auto i = static_cast<std::size_t>(v);
    for (std::size_t k = offset_[i]; k < offset_[i + 1]; ++k)
      if (neighbour_[k] != v)
        f(neighbour_[k]);
  }
  Vertex &subset(Vertex v) { return subset_[static_cast<std::size_t>(v)]; }
  Vertex &level(Vertex v) { return level_[static_cast<std::size_t>(v)]; }

  // Breadth-first from `root` through its subset into scratch_[at, …): returns how many vertices.
  // The levels are those of unseen vertices only; *depth is the last one.
  std::size_t search(Vertex root, std::size_t at, Vertex *depth) {
    const Vertex mine = subset(root);
    std::size_t tail = at;
    scratch_[tail++] = root;
    level(root) = 0;
    for (std::size_t head = at; head < tail; ++head) {
      const Vertex v = scratch_[head], next = level(v) + 1;
      each_neighbour(v, [&](Vertex w) {
        if (subset(w) == mine && level(w) == unseen) {
          level(w) = next;
          scratch_[tail++] = w;
        }
      });
    }
    *depth = level(scratch_[tail - 1]);
    return tail - at;
  }

  // Group order_[begin, end) by connected components, each a task.
  void push_components(std::size_t begin, std::size_t end) {
    if (begin == end)
      return;
    const Vertex mine = ++subsets_;
    for (std::size_t k = begin; k < end; ++k) {
      subset(order_[k]) = mine;
      level(order_[k]) = unseen;
    }
    std::size_t at = begin;
    for (std::size_t k = begin; k < end; ++k) {
      if (level(order_[k]) != unseen)
        continue;
      Vertex depth = 0;
      const std::size_t count = search(order_[k], at, &depth);
      tasks_.push_back({at, at + count});
      at += count;
    }
    std::copy(scratch_.begin() + static_cast<std::ptrdiff_t>(begin),
              scratch_.begin() + static_cast<std::ptrdiff_t>(end),
              order_.begin() + static_cast<std::ptrdiff_t>(begin));
  }

  // Level structure of a component from a vertex as far out as a few searches find.
  Vertex peripheral_levels(const Task &t) {
    const std::span<Vertex> mine(order_.data() + t.begin, t.end - t.begin);
    const Vertex id = ++subsets_;
    for (const Vertex v : mine)
      subset(v) = id;
    Vertex root = mine[0], depth = 0, before = -1;
    for (int i = 0; i < root_searches; ++i) {
      for (const Vertex v : mine)
        level(v) = unseen;
      search(root, t.begin, &depth);
      if (depth <= before || i + 1 == root_searches)
        break;
      before = depth;
      // Of the last level the vertex of least degree.
      std::size_t least = std::numeric_limits<std::size_t>::max();
      for (std::size_t k = t.end; k-- > t.begin && level(scratch_[k]) == depth;) {
        const auto v = static_cast<std::size_t>(scratch_[k]);
        if (const std::size_t degree = offset_[v + 1] - offset_[v]; degree < least) {
          least = degree;
          root = scratch_[k];
        }
      }
    }
    return depth;
  }

  // How many vertices of the search order lie below the cut: a whole number of levels where one of
  // them is a small separator with enough on both sides, else half. (Expanders have no such level.
  // A lopsided cut would only postpone the price, and cost a search of everything each time.)
  std::size_t cut(const Task &t, Vertex depth) {
    width_.assign(static_cast<std::size_t>(depth) + 1, 0);
    for (std::size_t k = t.begin; k < t.end; ++k)
      ++width_[static_cast<std::size_t>(level(scratch_[k]))];
    const auto total = static_cast<double>(t.end - t.begin);
    double best = std::numeric_limits<double>::infinity();
    std::size_t below = width_[0], chosen = (t.end - t.begin) / 2;
    for (std::size_t l = 1; l < static_cast<std::size_t>(depth); ++l) {
      const auto w = static_cast<double>(width_[l]), b = static_cast<double>(below);
      const double lighter = std::min(b, total - b - w) / total;
      below += width_[l];
      if (lighter >= smallest_side && w * (1.5 - lighter) < best) {
        best = w * (1.5 - lighter);
        chosen = below;
      }
    }
    return chosen;
  }

  // order_[begin, end) ← lower side, upper side, separator.
  void split(const Task &t) {
    const std::size_t size = t.end - t.begin;
    if (size <= leaf_size) {
      minimum_degree(t);
      return;
    }
    const Vertex depth = peripheral_levels(t);
    if (depth < 2) { // every vertex is a neighbour of the root: nothing to separate
      std::stable_sort(order_.begin() + static_cast<std::ptrdiff_t>(t.begin),
                       order_.begin() + static_cast<std::ptrdiff_t>(t.end),
                       [this](Vertex a, Vertex b) { return degree(a) < degree(b); });
      spend(size);
      return;
    }
    // The separator: what lies below the cut and has a neighbour beyond it.
    const std::size_t below = t.begin + cut(t, depth);
    for (std::size_t k = t.begin; k < t.end; ++k)
      level(scratch_[k]) = k < below ? 0 : 1;
    separator_.clear();
    std::size_t low = t.begin;
    for (std::size_t k = t.begin; k < below; ++k) {
      const Vertex v = scratch_[k];
      bool separates = false;
      each_neighbour(
          v, [&](Vertex w) { separates = separates || (subset(w) == subset(v) && level(w) == 1); });
      if (separates)
        separator_.push_back(v);
      else
        order_[low++] = v;
    }
    const std::size_t high = low + (t.end - below);
    std::copy(scratch_.begin() + static_cast<std::ptrdiff_t>(below),
              scratch_.begin() + static_cast<std::ptrdiff_t>(t.end),
              order_.begin() + static_cast<std::ptrdiff_t>(low));
    std::copy(separator_.begin(), separator_.end(),
              order_.begin() + static_cast<std::ptrdiff_t>(high));
    spend(separator_.size());
    push_components(t.begin, low);
    push_components(low, high);
  }

  // Exact minimum degree within at most 64 vertices.
  void minimum_degree(const Task &t) {
    const std::size_t size = t.end - t.begin;
    std::array<std::uint64_t, leaf_size> row{};
    std::array<Vertex, leaf_size> vertex{};
    const Vertex id = ++subsets_;
    for (std::size_t i = 0; i < size; ++i) {
      vertex[i] = order_[t.begin + i];
      subset(vertex[i]) = id;
      level(vertex[i]) = static_cast<Vertex>(i);
    }
    for (std::size_t i = 0; i < size; ++i)
      each_neighbour(vertex[i], [&](Vertex w) {
        if (subset(w) == id)
          row[i] |= std::uint64_t{1} << level(w);
      });
    std::uint64_t left = size == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << size) - 1;
    for (std::size_t k = t.begin; k < t.end; ++k) {
      std::size_t pick = 0;
      int least = 65;
      for (std::uint64_t rest = left; rest != 0; rest &= rest - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(rest));
        if (const int d = std::popcount(row[i] & left); d < least) {
          least = d;
          pick = i;
        }
      }
      left &= ~(std::uint64_t{1} << pick);
      for (std::uint64_t rest = row[pick] & left; rest != 0; rest &= rest - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(rest));
        row[i] = (row[i] | row[pick]) & ~(std::uint64_t{1} << i);
      }
      order_[k] = vertex[pick];
    }
  }

  [[nodiscard]] std::size_t degree(Vertex v) const {
    const auto i = static_cast<std::size_t>(v);
    return offset_[i + 1] - offset_[i];
  }
  void spend(std::size_t clique) {
    const auto c = static_cast<double>(clique);
    spent_ += c * (c + 1) / 2;
  }

  const std::size_t *offset_;
  const Vertex *neighbour_;
  double budget_, spent_ = 0;
  std::vector<Vertex> &order_;
  std::vector<Vertex> subset_, level_, scratch_, separator_;
  std::vector<std::size_t> width_;
  std::vector<Task> tasks_;
  Vertex subsets_ = 0;
};

} // namespace

bool nested_dissection(std::size_t n, const std::size_t *offset, const std::int32_t *neighbour,
                       double budget, std::vector<std::int32_t> &order) {
  return Dissection(n, offset, neighbour, budget, order).run();
}

} // namespace lathe
