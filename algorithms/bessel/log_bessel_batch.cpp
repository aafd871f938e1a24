// SPDX-License-Identifier: BSD-2-Clause
#include "bessel/log_bessel_batch.h"
#include "bessel/isa.h"
#include <cstddef>

namespace lathe::bessel {

namespace {

bool fits(Values a, std::size_t n) noexcept {
  return a.size() == n || a.size() == 1;
}

bool fits(Values a, Values b, std::size_t n) noexcept {
  return fits(a, n) && fits(b, n);
}

Operand operand(Values a) noexcept {
  return {a.data(), a.size() == 1};
}

bool one_by_one(double (*f)(double, double) noexcept, Values a, Values b,
                std::span<double> out) noexcept {
  if (!fits(a, b, out.size()))
    return false;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = f(a[a.size() == 1 ? 0 : i], b[b.size() == 1 ? 0 : i]);
  return true;
}

} // namespace

template <Accuracy accuracy> bool log_bessel_i(Values v, Values x, std::span<double> i) noexcept {
  const auto batch = accuracy == Accuracy::full ? isa().batch : isa().batch_fast;
  if (!fits(v, x, i.size()))
    return false;
  batch(operand(v), operand(x), i.data(), nullptr, i.size());
  return true;
}
template <Accuracy accuracy> bool log_bessel_k(Values v, Values x, std::span<double> k) noexcept {
  const auto batch = accuracy == Accuracy::full ? isa().batch : isa().batch_fast;
  if (!fits(v, x, k.size()))
    return false;
  batch(operand(v), operand(x), nullptr, k.data(), k.size());
  return true;
}
template <Accuracy accuracy>
bool log_bessel_ik(Values v, Values x, std::span<double> i, std::span<double> k) noexcept {
  const auto batch = accuracy == Accuracy::full ? isa().batch : isa().batch_fast;
  if (i.size() != k.size() || !fits(v, x, i.size()))
    return false;
  batch(operand(v), operand(x), i.data(), k.data(), i.size());
  return true;
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
  if (!fits(v, x, i.size()))
    return false;
  isa().batch_i_derivatives(operand(v), operand(x), i.data(), i.size());
  return true;
}
bool log_bessel_k_derivatives(Values v, Values x, std::span<LogBesselDerivatives> k) noexcept {
  if (!fits(v, x, k.size()))
    return false;
  isa().batch_k_derivatives(operand(v), operand(x), k.data(), k.size());
  return true;
}
bool bessel_i_ratio(Values v, Values x, std::span<double> ratio) noexcept {
  if (!fits(v, x, ratio.size()))
    return false;
  isa().batch_i_ratio(operand(v), operand(x), ratio.data(), nullptr, ratio.size());
  return true;
}
bool bessel_i_ratio_complement(Values v, Values x, std::span<double> complement) noexcept {
  if (!fits(v, x, complement.size()))
    return false;
  isa().batch_i_ratio(operand(v), operand(x), nullptr, complement.data(), complement.size());
  return true;
}
bool bessel_k_ratio(Values v, Values x, std::span<double> ratio) noexcept {
  return one_by_one(isa().k_ratio, v, x, ratio);
}
bool log_hyp0f1(Values b, Values z, std::span<double> f) noexcept {
  return one_by_one(isa().log_hyp0f1, b, z, f);
}
bool inverse_bessel_i_ratio(Values v, Values r, std::span<double> x) noexcept {
  if (!fits(v, r, x.size()))
    return false;
  isa().batch_inverse(operand(v), operand(r), x.data(), x.size());
  return true;
}
bool inverse_bessel_i_ratio_complement(Values v, Values complement, std::span<double> x) noexcept {
  if (!fits(v, complement, x.size()))
    return false;
  isa().batch_inverse_complement(operand(v), operand(complement), x.data(), x.size());
  return true;
}

} // namespace lathe::bessel
