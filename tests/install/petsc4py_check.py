# SPDX-License-Identifier: BSD-2-Clause
"""Types of lathe from petsc4py, chosen by options alone: petsc4py_check.py LIBLATHE."""
import sys

import petsc4py

petsc4py.init([sys.argv[0], "-dll_append", sys.argv[1]])
from petsc4py import PETSc  # noqa: E402  (after init, which takes the options)


def options(prefix, text):
    for item in text.split(" -"):
        name, _, value = item.lstrip("-").partition(" ")
        PETSc.Options()[prefix + name] = value


def report(name, good, what):
    print(f"{name}: {what}, {'right' if good else 'WRONG'}")


def laplacian(n):
    A = PETSc.Mat().createAIJ([n, n], nnz=3)
    for i in range(*A.getOwnershipRange()):
        A[i, i] = 2.5
        for j in (i - 1, i + 1):
            if 0 <= j < n:
                A[i, j] = -1
    A.assemble()
    return A


def solve(prefix, text, A, b, P=None):
    options(prefix, text)
    ksp = PETSc.KSP().create()
    ksp.setOptionsPrefix(prefix)
    ksp.setOperators(A, P)
    ksp.setFromOptions()
    x = A.createVecRight()
    ksp.solve(b, x)
    return ksp, x


A = laplacian(40)
b = A.createVecLeft()
b.set(1)
for number, text in enumerate((
        "-ksp_type certifiedchebyshev -pc_type jacobi -ksp_max_it 500 -ksp_rtol 1e-8",
        "-ksp_type cg -pc_type nystrom -pc_nystrom_rank 20 -ksp_rtol 1e-10",
        "-ksp_type cg -pc_type rpcholesky -pc_rpcholesky_rank 20 -ksp_rtol 1e-10",
        "-ksp_type sgmres -pc_type none -ksp_rtol 1e-10",
        "-ksp_type rgsgmres -pc_type jacobi -ksp_rtol 1e-10")):
    ksp, x = solve(f"s{number}_", text, A, b)
    good = ksp.getConvergedReason() > 0 and (A * x - b).norm() < 1e-6
    report(f"ksp {ksp.getType()}, pc {ksp.getPC().getType()}", good, f"{ksp.its} iterations")

# 1, t, t², t³ at 64 points of multiples of 1/64: integer coefficients come out to the last bit.
T = PETSc.Mat().createDense([64, 4])
T.setUp()
c = T.createVecLeft()
for i in range(*T.getOwnershipRange()):
    t = i / 64
    for j in range(4):
        T[i, j] = t**j
    c[i] = 1 + 2 * t + 3 * t**2 + 4 * t**3
T.assemble()
c.assemble()
for method in ("pne", "spir", "fossils"):
    ksp, x = solve(f"{method}_", f"-ksp_type {method}", T, c)
    good = ksp.getConvergedReason() > 0 and list(x.getArray()) == [1, 2, 3, 4]
    report(f"ksp {ksp.getType()}", good, f"{len(x.getArray())} coefficients")
ksp, x = solve("lsqr_", "-ksp_type lsqr -pc_type sketchnormal -ksp_rtol 1e-14", T, c,
               PETSc.Mat().createNormal(T))
close = max(abs(x.getArray() - [1, 2, 3, 4])) < 1e-10
report(f"ksp {ksp.getType()}, pc {ksp.getPC().getType()}", ksp.getConvergedReason() > 0 and close,
       f"{len(x.getArray())} coefficients, {ksp.its} iterations")

options("sk_", "-mat_type sketch -mat_sketch_type tensor_sketch -mat_sketch_factors 8,8 "
        "-mat_sketch_nnz 4 -mat_sketch_seed 3")
S = PETSc.Mat().create()
S.setOptionsPrefix("sk_")
S.setSizes([32, 64])
S.setFromOptions()
S.setUp()
product, y = S.matMult(T), S.createVecLeft()
S.mult(c, y)
z = S.createVecRight()
S.multTranspose(y, z)
norms = abs(z.dot(c) - y.dot(y)) < 1e-12 * y.dot(y)
ksp, x = solve("again_", "-ksp_type pne", T, c)
exact = (product * x - y).norm() < 1e-13 * y.norm()
report(f"mat {S.getType()}", norms and exact, f"{product.getSize()[0]} x {product.getSize()[1]}")
