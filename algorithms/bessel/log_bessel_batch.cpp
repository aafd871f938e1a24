// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/log_bessel_batch.h"
#include "bessel/isa.h"
#include <cstddef>

namespace lathe::bessel {

namespace {

bool fits(Values a, std::size_t n) noexcept {
  return a.size() == n || a.size() == 1;
}

template <class Function, class Result>
bool each(Values v, Values x, std::span<Result> out, Function f) noexcept {
  if (!fits(v, out.size()) || !fits(x, out.size()))
    return false;
  for (std::size_t j = 0; j < out.size(); ++j)
    out[j] = f(v[v.size() == 1 ? 0 : j], x[x.size() == 1 ? 0 : j]);
  return true;
}

} // namespace

template <Accuracy accuracy> bool log_bessel_i(Values v, Values x, std::span<double> i) noexcept {
  return each(v, x, i, accuracy == Accuracy::full ? isa().log_i : isa().log_i_fast);
}
template <Accuracy accuracy> bool log_bessel_k(Values v, Values x, std::span<double> k) noexcept {
  return each(v, x, k, accuracy == Accuracy::full ? isa().log_k : isa().log_k_fast);
}
template <Accuracy accuracy>
bool log_bessel_ik(Values v, Values x, std::span<double> i, std::span<double> k) noexcept {
  return i.size() == k.size() && log_bessel_i<accuracy>(v, x, i) && log_bessel_k<accuracy>(v, x, k);
}
template bool log_bessel_i<Accuracy::full>(Values, Values, std::span<double>) noexcept;
template bool log_bessel_i<Accuracy::fast>(Values, Values, std::span<double>) noexcept;
template bool log_bessel_k<Accuracy::full>(Values, Values, std::span<double>) noexcept;
template bool log_bessel_k<Accuracy::fast>(Values, Values, std::span<double>) noexcept;
template bool log_bessel_ik<Accuracy::full>(Values, Values, std::span<double>,
                                            std::span<double>) noexcept;
template bool log_bessel_ik<Accuracy::fast>(Values, Values, std::span<double>,
                                            std::span<double>) noexcept;

bool log_bessel_i_derivatives(Values v, Values x, std::span<LogBesselDerivatives> i) noexcept {
  return each(v, x, i, isa().log_i_derivatives);
}
bool log_bessel_k_derivatives(Values v, Values x, std::span<LogBesselDerivatives> k) noexcept {
  return each(v, x, k, isa().log_k_derivatives);
}
bool bessel_i_ratio(Values v, Values x, std::span<double> ratio) noexcept {
  return each(v, x, ratio, isa().i_ratio);
}
bool inverse_bessel_i_ratio(Values v, Values r, std::span<double> x) noexcept {
  return each(v, r, x, isa().inverse_i_ratio);
}
bool inverse_bessel_i_ratio_complement(Values v, Values complement, std::span<double> x) noexcept {
  return each(v, complement, x, isa().inverse_i_ratio_complement);
}

} // namespace lathe::bessel
