// SPDX-License-Identifier: BSD-2-Clause
// The layer as an explicit sparse matrix: for cross-checks, and for every solver that takes a Mat.
#include "core/error.h"
#include "core/handle.h"
#include "lipschitz/convolution.h"
#include <algorithm>
#include <limits>
#include <vector>

namespace lathe::lipschitz {
namespace {

// Input points under the taps of output point p along one axis, −1 for zeros: [output][kernel].
std::vector<std::int64_t> sources(const ConvolutionAxis &a, LathePadding mode) {
  std::vector<std::int64_t> s;
  s.reserve(static_cast<std::size_t>(a.output() * a.kernel));
  for (std::int64_t p = 0; p < a.output(); ++p)
    for (std::int64_t t = 0; t < a.kernel; ++t)
      s.push_back(a.source(p * a.stride + t * a.dilation - a.padding, mode));
  return s;
}

struct RowFiller {
  const ConvolutionGeometry &g;
  const double *weight;
  std::array<std::vector<std::int64_t>, 3> source;
  std::vector<PetscInt> column;
  std::vector<PetscScalar> value;

  RowFiller(const ConvolutionGeometry &geometry, const double *w) : g(geometry), weight(w) {
    for (int i = 0; i < 3; ++i)
      source[i] = sources(g.axis[i], g.mode);
  }
  // Entries of global row r; a column may occur more than once where taps coincide.
  void fill(std::int64_t r) {
    column.clear();
    value.clear();
    const auto &a = g.axis;
    const std::int64_t points = g.output_points(), n = g.input_points();
    const std::int64_t o = r / points, p = r % points;
    const std::int64_t n1 = a[1].output(), n2 = a[2].output();
    const std::int64_t group = o / g.group_out();
    const std::int64_t *s0 = source[0].data() + p / (n1 * n2) * a[0].kernel;
    const std::int64_t *s1 = source[1].data() + p / n2 % n1 * a[1].kernel;
    const std::int64_t *s2 = source[2].data() + p % n2 * a[2].kernel;
    for (std::int64_t i = 0; i < g.group_in(); ++i) {
      const double *w = weight + (o * g.group_in() + i) * g.taps();
      const std::int64_t base = (group * g.group_in() + i) * n;
      for (std::int64_t t0 = 0; t0 < a[0].kernel; ++t0)
        for (std::int64_t t1 = 0; t1 < a[1].kernel; ++t1)
          for (std::int64_t t2 = 0; t2 < a[2].kernel; ++t2, ++w) {
            if (s0[t0] < 0 || s1[t1] < 0 || s2[t2] < 0)
              continue;
            const std::int64_t x = (s0[t0] * a[1].input + s1[t1]) * a[2].input + s2[t2];
            column.push_back(static_cast<PetscInt>(base + x));
            value.push_back(static_cast<PetscScalar>(*w));
          }
    }
  }
};

PetscErrorCode Assemble(MPI_Comm comm, const ConvolutionGeometry &g, const double *weight,
                        Mat *out) {
  PetscFunctionBegin;
  const std::int64_t rows = g.cout * g.output_points();
  const std::int64_t cols = g.cin * g.input_points();
  MatHandle a;
  PetscCall(MatCreate(comm, a.out()));
  PetscCall(MatSetSizes(a, PETSC_DECIDE, PETSC_DECIDE, static_cast<PetscInt>(rows),
                        static_cast<PetscInt>(cols)));
  PetscCall(MatSetType(a, MATAIJ));
  PetscLayout row_layout = nullptr, column_layout = nullptr;
  PetscCall(MatGetLayouts(a, &row_layout, &column_layout));
  PetscCall(PetscLayoutSetUp(row_layout));
  PetscCall(PetscLayoutSetUp(column_layout));
  PetscInt begin = 0, end = 0, first = 0, last = 0;
  PetscCall(MatGetOwnershipRange(a, &begin, &end));
  PetscCall(MatGetOwnershipRangeColumn(a, &first, &last));
  RowFiller row(g, weight);
  std::vector<PetscInt> diagonal, off;
  for (PetscInt r = begin; r < end; ++r) {
    row.fill(r);
    PetscInt inside = 0;
    for (const PetscInt c : row.column)
      inside += first <= c && c < last ? 1 : 0;
    // Coinciding taps are counted twice; the bounds are the block sizes.
    const PetscInt outside = static_cast<PetscInt>(row.column.size()) - inside;
    diagonal.push_back(std::min(inside, last - first));
    off.push_back(std::min(outside, static_cast<PetscInt>(cols) - (last - first)));
  }
  PetscCall(MatXAIJSetPreallocation(a, 1, diagonal.data(), off.data(), nullptr, nullptr));
  for (PetscInt r = begin; r < end; ++r) {
    row.fill(r);
    PetscCall(MatSetValues(a, 1, &r, static_cast<PetscInt>(row.column.size()), row.column.data(),
                           row.value.data(), ADD_VALUES));
  }
  PetscCall(MatAssemblyBegin(a, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(a, MAT_FINAL_ASSEMBLY));
  *out = a.release();
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace
} // namespace lathe::lipschitz

extern "C" PetscErrorCode MatCreateConvolution(MPI_Comm comm, const LatheConvolution *layer,
                                               Mat *A) {
  using namespace lathe::lipschitz;
  PetscFunctionBegin;
  PetscCall(LatheConvolutionCheck(comm, layer));
  const ConvolutionGeometry g = convolution_geometry(*layer);
  LatheCheckAll(comm, !g.every_extent, PETSC_ERR_ARG_WRONGSTATE,
                "a matrix needs an input extent; input is 0 on every axis (attribute input_shape)");
  // Real products, so that nothing wraps before it is compared.
  const double largest = static_cast<double>(std::numeric_limits<PetscInt>::max());
  double rows = static_cast<double>(g.cout), cols = static_cast<double>(g.cin);
  for (int i = 0; i < 3; ++i) {
    rows *= static_cast<double>(g.axis[i].output());
    cols *= static_cast<double>(g.axis[i].input);
  }
  LatheCheckAll(comm, rows < largest && cols < largest, PETSC_ERR_ARG_OUTOFRANGE,
                "convolution matrix would be %.0f x %.0f; this PETSc indexes up to %.0f: use a "
                "build with 64-bit indices",
                rows, cols, largest);
  LatheGuard(comm, PetscCall(Assemble(comm, g, layer->weight, A)));
  PetscFunctionReturn(PETSC_SUCCESS);
}
