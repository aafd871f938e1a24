// SPDX-License-Identifier: BSD-2-Clause
// Dense BLAS and LAPACK for float, double and their complex types, column-major, as kernels use
// them: no PETSc, no allocation except where said, sizes checked to fit the library's 32-bit ints.
//
// lathe's rigorous bounds assume a conventional BLAS: every entry of a product is a sum of products
// in some order, each operation rounded once or fused (no Strassen, no reduced-precision
// splitting).
#pragma once
#include <complex>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace lathe::dense {

template <class T> struct RealOf { using type = T; };
template <class R> struct RealOf<std::complex<R>> { using type = R; };
template <class T> using Real = typename RealOf<T>::type;
template <class T> inline constexpr bool is_complex = !std::is_same_v<T, Real<T>>;

/// Column-major view: entry (i, j) is data[i + j*ld]; rows ≤ ld.
template <class T> struct View {
  T *data = nullptr;
  std::size_t rows = 0, cols = 0, ld = 0;
  T &operator()(std::size_t i, std::size_t j) const { return data[i + j * ld]; }
  T *column(std::size_t j) const { return data + j * ld; }
  operator View<const T>() const requires(!std::is_const_v<T>) { return {data, rows, cols, ld}; }
};

/// C ← alpha·op(A)·op(B) + beta·C; op is 'N', 'T' or 'C'. Sizes: C m×n, inner dimension k.
template <class T>
void gemm(char opa, char opb, std::size_t m, std::size_t n, std::size_t k, T alpha, const T *a,
          std::size_t lda, const T *b, std::size_t ldb, T beta, T *c, std::size_t ldc);

/// Triangle `uplo` of C ← alpha·AᴴA + beta·C (op = 'C') or alpha·AAᴴ + beta·C (op = 'N'); C n×n.
template <class T>
void herk(char uplo, char op, std::size_t n, std::size_t k, Real<T> alpha, const T *a,
          std::size_t lda, Real<T> beta, T *c, std::size_t ldc);

/// y ← alpha·A·x + beta·y for Hermitian A (triangle uplo), unit strides.
template <class T>
void hemv(char uplo, std::size_t n, T alpha, const T *a, std::size_t lda, const T *x, T beta, T *y);

/// y ← alpha·op(A)·x + beta·y, A m×n, unit strides.
template <class T>
void gemv(char op, std::size_t m, std::size_t n, T alpha, const T *a, std::size_t lda, const T *x,
          T beta, T *y);

/// Cholesky factor of a Hermitian matrix in place; returns 0, or k > 0 when the leading minor of
/// order k is not positive definite in floating-point arithmetic.
template <class T> int potrf(char uplo, std::size_t n, T *a, std::size_t lda);

/// B ← op(A)⁻¹·B (side 'L') or B·op(A)⁻¹ (side 'R') for triangular A (triangle uplo, diagonal not
/// unit); B m×n.
template <class T>
void trsm(char side, char uplo, char op, std::size_t m, std::size_t n, const T *a, std::size_t lda,
          T *b, std::size_t ldb);

/// All singular values, decreasing, of an m×n matrix, which is destroyed (LAPACK gesdd, job 'N').
/// Allocates its workspace. Returns LAPACK's info.
template <class T>
int singular_values(std::size_t m, std::size_t n, T *a, std::size_t lda, Real<T> *s);

/// R of the QR factorisation of an m×n matrix, m ≥ n, in the upper triangle of a; below it and in
/// tau (n numbers) the Householder vectors (LAPACK geqrt). Allocates its workspace. Returns
/// LAPACK's info.
int qr(std::size_t m, std::size_t n, double *a, std::size_t lda, double *tau);

/// c ← Qᵀ·c, m numbers, Q the product of the n Householder vectors that qr left in a and tau
/// (LAPACK ormqr). Returns LAPACK's info.
int multiply_qt(std::size_t m, std::size_t n, const double *a, std::size_t lda, const double *tau,
                double *c);

/// Singular values, decreasing, of an n×n matrix, which is destroyed, and its right singular
/// vectors: the rows of vh, n×n (LAPACK gesdd). Allocates its workspace. Returns LAPACK's info.
int right_singular_vectors(std::size_t n, double *a, std::size_t lda, double *s, double *vh);

/// Eigenvalues, increasing, and eigenvectors z (n×n, column-major) of the symmetric tridiagonal
/// matrix with diagonal d and off-diagonal e; d becomes the eigenvalues, e is destroyed.
template <class R> int tridiagonal_eigen(std::size_t n, R *d, R *e, R *z);

/// Eigenvalues w, increasing, of a symmetric matrix (lower triangle of a, leading dimension n), and
/// its eigenvectors in the place of a (LAPACK syevd). Allocates its workspace. Returns LAPACK's
/// info.
int symmetric_eigen(std::size_t n, double *a, double *w);

} // namespace lathe::dense
