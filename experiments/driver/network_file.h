// SPDX-License-Identifier: BSD-2-Clause
// Networks from HDF5 files. The schema stands in data/README.md; in short: root attribute
// input_shape, group /layers with one group a layer (000, 001, …), attribute `type`, datasets
// weight, bias, gamma, …, and optionally /evaluation with test inputs and labels.
#pragma once
#include "lipschitz/network.h"
#include <cstdint>
#include <string>
#include <vector>

namespace lathe::driver {

struct NetworkFile {
  lipschitz::Network network;
  std::vector<double> inputs;       ///< /evaluation/images times scale, row-major; may be empty
  std::vector<std::int64_t> labels; ///< /evaluation/labels; may be empty
};

/// Read a network; each rank reads for itself, so nothing is collective. Float and integer types of
/// any width become double (exact for float32 and float64).
/// throws InputError naming file, object, the value found and what is allowed: no /layers, a layer
/// without `type`, a missing or wrongly shaped weight, an unknown activation or padding mode, an
/// attribute or dataset that the type does not have (a misspelt name is never ignored), values that
/// are not finite. Shapes between layers are checked by layer_shapes.
NetworkFile read_network_file(const std::string &path);

} // namespace lathe::driver
