// SPDX-License-Identifier: BSD-2-Clause
// The functions of log_bessel.h and bessel_ratio.h over arrays: sorted by expansion in blocks of
// 2048 and evaluated by vector code, with the same bits as one at a time.
//
// v and x have the length of the results, or length 1: that value for every result. Results may
// not overlap the inputs. A length that does not fit gives false and writes nothing. 180 kB
// of stack, no allocation. bessel_k_ratio and log_hyp0f1 are evaluated one at a time. Class R0.
#pragma once
#include "bessel/log_bessel_types.h"
#include <span>

namespace lathe::bessel {

using Values = std::span<const double>;

template <Accuracy accuracy = Accuracy::full>
bool log_bessel_i(Values v, Values x, std::span<double> i) noexcept;

template <Accuracy accuracy = Accuracy::full>
bool log_bessel_k(Values v, Values x, std::span<double> k) noexcept;

/// Both in one pass; i and k of one length.
template <Accuracy accuracy = Accuracy::full>
bool log_bessel_ik(Values v, Values x, std::span<double> i, std::span<double> k) noexcept;

bool log_bessel_i_derivatives(Values v, Values x, std::span<LogBesselDerivatives> i) noexcept;
bool log_bessel_k_derivatives(Values v, Values x, std::span<LogBesselDerivatives> k) noexcept;

bool bessel_i_ratio(Values v, Values x, std::span<double> ratio) noexcept;
bool bessel_i_ratio_complement(Values v, Values x, std::span<double> complement) noexcept;
bool bessel_k_ratio(Values v, Values x, std::span<double> ratio) noexcept;
bool inverse_bessel_i_ratio(Values v, Values r, std::span<double> x) noexcept;
bool inverse_bessel_i_ratio_complement(Values v, Values complement, std::span<double> x) noexcept;
bool log_hyp0f1(Values b, Values z, std::span<double> f) noexcept;

} // namespace lathe::bessel
