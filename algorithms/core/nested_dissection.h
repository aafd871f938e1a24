// SPDX-License-Identifier: BSD-2-Clause
// An elimination order for sparse Cholesky factorisation that keeps the factor sparse.
//
// Nested dissection (George 1973) with separators taken from breadth-
// first level structures (George and Liu 1978), thinned; small remainders by minimum
// degree. A planar grid of n points gives O(n log n) entries, an expander nearly n²/8: there the
// first separator tells, at the price of a few searches.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lathe {

/// Order the n vertices of an undirected graph, given by both directions of each edge; loops are
/// ignored. order[k] is the vertex to eliminate k-th.
///  in   budget  give up, and return false, once the separators' own triangles (a lower bound of
///               the factor that this order gives) exceed that many entries
/// Serial, deterministic. Cost O(edges·log n) for graphs with balanced separators; 20 bytes a
/// vertex. Requires n < 2²⁸.
bool nested_dissection(std::size_t n, const std::size_t *offset, const std::int32_t *neighbour,
                       double budget, std::vector<std::int32_t> &order);

} // namespace lathe
