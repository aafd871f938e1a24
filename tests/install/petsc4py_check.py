# SPDX-License-Identifier: BSD-2-Clause
"""Solve with a type of lathe from petsc4py: petsc4py_check.py LIBLATHE."""
import sys

import petsc4py

petsc4py.init([sys.argv[0], "-dll_append", sys.argv[1]])
from petsc4py import PETSc  # noqa: E402  (after init, which takes the options)

n = 40
A = PETSc.Mat().createAIJ([n, n], nnz=3)
for i in range(n):
    A[i, i] = 2.5
    if i > 0:
        A[i, i - 1] = -1
        A[i - 1, i] = -1
A.assemble()
x, b = A.createVecs()
b.set(1)
ksp = PETSc.KSP().create()
ksp.setOperators(A)
ksp.setType("certifiedchebyshev")
ksp.getPC().setType("jacobi")
ksp.setTolerances(rtol=1e-8, max_it=500)
ksp.solve(b, x)
error = (A * x - b).norm()
print(ksp.getType(), "CONVERGED" if ksp.getConvergedReason() > 0 and error < 1e-5 else "FAILED")
