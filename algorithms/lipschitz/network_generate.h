// SPDX-License-Identifier: BSD-2-Clause
// Networks of well-known shape with generated weights: a function of the seed and the layer alone,
// so the same on every machine and number of ranks.
#pragma once
#include "lipschitz/network.h"

namespace lathe::lipschitz {

enum class Weights {
  random,      ///< normal of variance 1/fan-in
  trained_like ///< 0.3 of that, and a Gaussian window over the taps times a channel matrix of rank
               ///< 8: singular values that fall off as after training
};

/// name: resnet18 (He et al., CVPR 2016; `size` 224 gives the ImageNet network), vgg16 (Simonyan &
/// Zisserman, ICLR 2015; 224: ImageNet with 138 M weights, 1.1 GB; 32: the CIFAR form with a
/// classifier 512-512-10), tiny (3 convolutions and a residual block). Batch-norm variance and γ
/// are positive and near 1. size: pixels along each side, a multiple of 32 (tiny: of 4), 0 for 224,
/// 32 and 8. throws std::invalid_argument for another name or size
Network generate_network(const std::string &name, std::int64_t size, Weights weights,
                         std::uint64_t seed);

} // namespace lathe::lipschitz
