// SPDX-License-Identifier: BSD-2-Clause
#include "core/dense.h"
#include <algorithm>
#include <limits>
#include <stdexcept>
#include <vector>

using Zf = std::complex<float>;
using Zd = std::complex<double>;

// The Fortran interface, with 32-bit integers as in every Debian BLAS that PETSc links.
#define LATHE_BLAS(T, R, gemm_, herk_, hemv_, gemv_, potrf_, trsm_, trsv_)                         \
  void gemm_(const char *, const char *, const int *, const int *, const int *, const T *,         \
             const T *, const int *, const T *, const int *, const T *, T *, const int *);         \
  void herk_(const char *, const char *, const int *, const int *, const R *, const T *,           \
             const int *, const R *, T *, const int *);                                            \
  void hemv_(const char *, const int *, const T *, const T *, const int *, const T *, const int *, \
             const T *, T *, const int *);                                                         \
  void gemv_(const char *, const int *, const int *, const T *, const T *, const int *, const T *, \
             const int *, const T *, T *, const int *);                                            \
  void potrf_(const char *, const int *, T *, const int *, int *);                                 \
  void trsm_(const char *, const char *, const char *, const char *, const int *, const int *,     \
             const T *, const T *, const int *, T *, const int *);                                 \
  void trsv_(const char *, const char *, const char *, const int *, const T *, const int *, T *,   \
             const int *);
extern "C" {
LATHE_BLAS(float, float, sgemm_, ssyrk_, ssymv_, sgemv_, spotrf_, strsm_, strsv_)
LATHE_BLAS(double, double, dgemm_, dsyrk_, dsymv_, dgemv_, dpotrf_, dtrsm_, dtrsv_)
LATHE_BLAS(Zf, float, cgemm_, cherk_, chemv_, cgemv_, cpotrf_, ctrsm_, ctrsv_)
LATHE_BLAS(Zd, double, zgemm_, zherk_, zhemv_, zgemv_, zpotrf_, ztrsm_, ztrsv_)
void sgesdd_(const char *, const int *, const int *, float *, const int *, float *, float *,
             const int *, float *, const int *, float *, const int *, int *, int *);
void dgesdd_(const char *, const int *, const int *, double *, const int *, double *, double *,
             const int *, double *, const int *, double *, const int *, int *, int *);
void cgesdd_(const char *, const int *, const int *, Zf *, const int *, float *, Zf *, const int *,
             Zf *, const int *, Zf *, const int *, float *, int *, int *);
void zgesdd_(const char *, const int *, const int *, Zd *, const int *, double *, Zd *, const int *,
             Zd *, const int *, Zd *, const int *, double *, int *, int *);
void dgeqrt_(const int *, const int *, const int *, double *, const int *, double *, const int *,
             double *, int *);
void dormqr_(const char *, const char *, const int *, const int *, const int *, const double *,
             const int *, const double *, double *, const int *, double *, const int *, int *);
void sstev_(const char *, const int *, float *, float *, float *, const int *, float *, int *);
void dsyevd_(const char *, const char *, const int *, double *, const int *, double *, double *,
             const int *, int *, const int *, int *);
void dstev_(const char *, const int *, double *, double *, double *, const int *, double *, int *);
}

namespace lathe::dense {
namespace {

int blas_int(std::size_t n) {
  if (n > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw std::invalid_argument("dense dimension exceeds the 32-bit integers of BLAS");
  return static_cast<int>(n);
}
int leading(std::size_t ld) {
  return std::max(blas_int(ld), 1);
}
const int one = 1;

// BLAS has 'T' but not 'C' for real symmetric rank-k updates.
template <class T> char herk_op(char op) {
  return is_complex<T> || op == 'N' ? op : 'T';
}

// The complex gemv 'N' of OpenBLAS 0.3.21, Debian 12's, reads the element after the last one of x
// and drops it where m mod 4 = 2 (OpenBLAS issue 4013): a fault where x ends with its memory page.
template <class T> bool reads_past_x(char op, std::size_t m) {
  return is_complex<T> && op == 'N' && m % 4 == 2;
}
template <class T> std::vector<T> with_one_more(const T *x, std::size_t n) {
  std::vector<T> padded(n + 1);
  std::copy_n(x, n, padded.begin());
  return padded;
}

} // namespace

#define LATHE_DEFINE(T, gemm_, herk_, hemv_, gemv_, potrf_, trsm_, trsv_)                          \
  template <>                                                                                      \
  void gemm<T>(char opa, char opb, std::size_t m, std::size_t n, std::size_t k, T alpha,           \
               const T *a, std::size_t lda, const T *b, std::size_t ldb, T beta, T *c,             \
               std::size_t ldc) {                                                                  \
    const int im = blas_int(m), in = blas_int(n), ik = blas_int(k);                                \
    const int la = leading(lda), lb = leading(ldb), lc = leading(ldc);                             \
    gemm_(&opa, &opb, &im, &in, &ik, &alpha, a, &la, b, &lb, &beta, c, &lc);                       \
  }                                                                                                \
  template <>                                                                                      \
  void herk<T>(char uplo, char op, std::size_t n, std::size_t k, Real<T> alpha, const T *a,        \
               std::size_t lda, Real<T> beta, T *c, std::size_t ldc) {                             \
    const int in = blas_int(n), ik = blas_int(k), la = leading(lda), lc = leading(ldc);            \
    const char o = herk_op<T>(op);                                                                 \
    herk_(&uplo, &o, &in, &ik, &alpha, a, &la, &beta, c, &lc);                                     \
  }                                                                                                \
  template <>                                                                                      \
  void hemv<T>(char uplo, std::size_t n, T alpha, const T *a, std::size_t lda, const T *x, T beta, \
               T *y) {                                                                             \
    const int in = blas_int(n), la = leading(lda);                                                 \
    hemv_(&uplo, &in, &alpha, a, &la, x, &one, &beta, y, &one);                                    \
  }                                                                                                \
  template <>                                                                                      \
  void gemv<T>(char op, std::size_t m, std::size_t n, T alpha, const T *a, std::size_t lda,        \
               const T *x, T beta, T *y) {                                                         \
    const int im = blas_int(m), in = blas_int(n), la = leading(lda);                               \
    std::vector<T> padded;                                                                         \
    if (reads_past_x<T>(op, m))                                                                    \
      padded = with_one_more(x, n);                                                                \
    gemv_(&op, &im, &in, &alpha, a, &la, padded.empty() ? x : padded.data(), &one, &beta, y,       \
          &one);                                                                                   \
  }                                                                                                \
  template <> int potrf<T>(char uplo, std::size_t n, T *a, std::size_t lda) {                      \
    const int in = blas_int(n), la = leading(lda);                                                 \
    int info = 0;                                                                                  \
    potrf_(&uplo, &in, a, &la, &info);                                                             \
    return info;                                                                                   \
  }                                                                                                \
  template <>                                                                                      \
  void trsm<T>(char side, char uplo, char op, std::size_t m, std::size_t n, const T *a,            \
               std::size_t lda, T *b, std::size_t ldb) {                                           \
    const int im = blas_int(m), in = blas_int(n), la = leading(lda), lb = leading(ldb);            \
    const T unit = 1;                                                                              \
    if (side == 'L' && n == 1) { /* three times as fast */                                         \
      trsv_(&uplo, &op, "N", &im, a, &la, b, &one);                                                \
      return;                                                                                      \
    }                                                                                              \
    trsm_(&side, &uplo, &op, "N", &im, &in, &unit, a, &la, b, &lb);                                \
  }

LATHE_DEFINE(float, sgemm_, ssyrk_, ssymv_, sgemv_, spotrf_, strsm_, strsv_)
LATHE_DEFINE(double, dgemm_, dsyrk_, dsymv_, dgemv_, dpotrf_, dtrsm_, dtrsv_)
LATHE_DEFINE(Zf, cgemm_, cherk_, chemv_, cgemv_, cpotrf_, ctrsm_, ctrsv_)
LATHE_DEFINE(Zd, zgemm_, zherk_, zhemv_, zgemv_, zpotrf_, ztrsm_, ztrsv_)

namespace {

// `call(a, work, lwork, rwork, iwork, info)` hides that the complex routines take one array more.
// They hand rows of A and of the workspace to gemv (see reads_past_x), so both get a column more.
template <class T, class Call>
int gesdd(std::size_t m, std::size_t n, T *a, std::size_t lda, Call call) {
  const std::size_t k = std::min(m, n);
  if (k == 0)
    return 0;
  std::vector<int> iwork(8 * k);
  std::vector<Real<T>> rwork(is_complex<T> ? 7 * k : 0);
  T best{};
  int info = 0;
  call(a, &best, -1, rwork.data(), iwork.data(), &info);
  const int lwork = std::max(1, static_cast<int>(std::real(best)));
  std::vector<T> work(static_cast<std::size_t>(lwork) + (is_complex<T> ? m + n : 0));
  std::vector<T> padded;
  if constexpr (is_complex<T>) {
    padded.resize(lda * (n + 1));
    std::copy_n(a, lda * (n - 1) + m, padded.begin());
    a = padded.data();
  }
  call(a, work.data(), lwork, rwork.data(), iwork.data(), &info);
  return info;
}

} // namespace

#define LATHE_GESDD(T, routine, ...)                                                               \
  template <>                                                                                      \
  int singular_values<T>(std::size_t m, std::size_t n, T * a, std::size_t lda, Real<T> * s) {      \
    const int im = blas_int(m), in = blas_int(n), la = leading(lda);                               \
    return gesdd<T>(                                                                               \
        m, n, a, lda,                                                                              \
        [&](T *x, T *work, int lwork, [[maybe_unused]] Real<T> *rwork, int *iwork, int *info) {    \
          routine("N", &im, &in, x, &la, s, nullptr, &one, nullptr, &one, work, &lwork,            \
                  __VA_ARGS__ iwork, info);                                                        \
        });                                                                                        \
  }
#define LATHE_RWORK rwork,
LATHE_GESDD(float, sgesdd_, )
LATHE_GESDD(double, dgesdd_, )
LATHE_GESDD(Zf, cgesdd_, LATHE_RWORK)
LATHE_GESDD(Zd, zgesdd_, LATHE_RWORK)

// geqrt takes panels apart recursively, where geqrf goes column by column: 0.7 of the time.
int qr(std::size_t m, std::size_t n, double *a, std::size_t lda, double *tau) {
  const int im = blas_int(m), in = blas_int(n), la = leading(lda);
  const int panel = std::min(in, in < 400 ? 32 : 128);
  if (panel == 0)
    return 0;
  const auto width = static_cast<std::size_t>(panel);
  std::vector<double> t(width * n), work(width * n);
  int info = 0;
  dgeqrt_(&im, &in, &panel, a, &la, t.data(), &panel, work.data(), &info);
  for (std::size_t j = 0; j < n; ++j)
    tau[j] = t[j % width + j * width]; // on the diagonals of the triangles of the panels
  return info;
}

int multiply_qt(std::size_t m, std::size_t n, const double *a, std::size_t lda, const double *tau,
                double *c) {
  const int im = blas_int(m), in = blas_int(n), la = leading(lda), lc = leading(m), lwork = 64;
  std::vector<double> work(64);
  int info = 0;
  dormqr_("L", "T", &im, &one, &in, a, &la, tau, c, &lc, work.data(), &lwork, &info);
  return info;
}

int right_singular_vectors(std::size_t n, double *a, std::size_t lda, double *s, double *vh) {
  const int in = blas_int(n), la = leading(lda), lv = leading(n);
  std::vector<double> u(n * n);
  return gesdd<double>(
      n, n, a, lda, [&](double *x, double *work, int lwork, double *, int *iwork, int *info) {
        dgesdd_("S", &in, &in, x, &la, s, u.data(), &lv, vh, &lv, work, &lwork, iwork, info);
      });
}

template <> int tridiagonal_eigen<float>(std::size_t n, float *d, float *e, float *z) {
  const int in = blas_int(n), ld = leading(n);
  std::vector<float> work(std::max<std::size_t>(1, 2 * n));
  int info = 0;
  sstev_("V", &in, d, e, z, &ld, work.data(), &info);
  return info;
}
template <> int tridiagonal_eigen<double>(std::size_t n, double *d, double *e, double *z) {
  const int in = blas_int(n), ld = leading(n);
  std::vector<double> work(std::max<std::size_t>(1, 2 * n));
  int info = 0;
  dstev_("V", &in, d, e, z, &ld, work.data(), &info);
  return info;
}

int symmetric_eigen(std::size_t n, double *a, double *w) {
  if (n == 0)
    return 0;
  const int in = blas_int(n);
  const int query = -1;
  double best = 0;
  int best_integers = 0;
  int info = 0;
  dsyevd_("V", "L", &in, a, &in, w, &best, &query, &best_integers, &query, &info);
  const int lwork = static_cast<int>(best);
  std::vector<double> work(static_cast<std::size_t>(lwork));
  std::vector<int> iwork(static_cast<std::size_t>(best_integers));
  dsyevd_("V", "L", &in, a, &in, w, work.data(), &lwork, iwork.data(), &best_integers, &info);
  return info;
}

} // namespace lathe::dense
