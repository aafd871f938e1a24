// SPDX-License-Identifier: BSD-2-Clause
// A zero-padded layer as the direct sum of smaller ones. Along an axis of stride 1,
//
//   y[p] = Σ_a K[a]·x[p + δ·a − pad],
//
// outputs p ≡ r + pad (mod δ) meet inputs j ≡ r only: δ interleaved layers of dilation 1 that share
// no input and no output, so the norm of the layer is the largest of theirs. Of them only those
// count that are no part of another one (for padding δ·(k − 1)/2, the first). Inputs, outputs and
// taps that only meet padding are no part of the layer, but of every circulant that it is a part
// of; they are left out.
#pragma once
#include "lipschitz/convolution.h"
#include <vector>

namespace lathe::lipschitz {

struct LayerSection {
  ConvolutionGeometry geometry;
  std::vector<double> weight; ///< empty: those of the layer
};

/// The sections whose largest norm is that of the layer; none: the operator is zero. The layer
/// itself for other paddings and where every extent is asked for. Axes of stride > 1 keep their
/// points and get zeros for taps that never act. At most four sections an axis, one as a rule; time
/// and memory: those of the weights.
std::vector<LayerSection> layer_sections(const ConvolutionGeometry &geometry, const double *weight);

} // namespace lathe::lipschitz
