// SPDX-License-Identifier: BSD-2-Clause
// Convolution layers from an HDF5 file: every dataset of 3 to 5 dimensions (cout, cin/groups, k…).
#pragma once
#include "core/petsc_compat.h"
#include "lipschitz/lipschitz.h"
#include <string>
#include <vector>

namespace lathe::driver {

/// A layer with its own weights.
struct KernelLayer {
  std::string name;          // path of the dataset in the file
  LatheConvolution geometry; // weight is null: see layer()
  std::vector<double> weight;
  /// Geometry that points to the weights; valid while this object stays where it is.
  [[nodiscard]] LatheConvolution layer() const {
    LatheConvolution g = geometry;
    g.weight = weight.data();
    return g;
  }
};

/// Read all layers of `spec`: FILE.h5, or FILE.h5:/path of one dataset or of a group that is
/// searched. Attributes of each dataset, scalar or one value for each spatial axis, each optional:
/// stride (1), padding (0), dilation (1), groups (1), padding_mode ("zeros" | "circular" |
/// "reflect" | "replicate"), input_shape (none: the bound holds for every size).
/// Collective; every rank reads the whole file and gets the same layers, in the order of their
/// names. Errors name the dataset, the attribute, the value and what is allowed.
PetscErrorCode ReadKernels(MPI_Comm comm, const std::string &spec,
                           std::vector<KernelLayer> *layers);

} // namespace lathe::driver
