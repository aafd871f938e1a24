// SPDX-License-Identifier: BSD-2-Clause
// The family in one include: random sketches.
#pragma once
#include "sketching/distortion.h"
#include "sketching/sketch.h"
#include "sketching/sketch_columns.h"
#include "sketching/tensor_sketch.h"
