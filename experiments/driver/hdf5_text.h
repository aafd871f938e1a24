// SPDX-License-Identifier: BSD-2-Clause
// Text of variable length from HDF5 attributes, as h5py writes every str: with bounds checked.
//
// HDF5 1.10 copies such text from the file's global heap into a buffer whose length stands in
// another place of the file: where the two differ it writes over the end (about 1 of 200 files with
// one damaged attribute end in a crash or an endless loop). Here a type conversion of our own takes
// the reference and reads the heap itself.
#pragma once
#include "driver/hdf5_handle.h"
#include <optional>
#include <string>

namespace lathe::hdf5 {

/// The text of a scalar attribute with a string type of variable length; nothing when it cannot be
/// read or is longer than 64 KiB. `path`: the file, once more, to read from.
std::optional<std::string> read_variable_text(hid_t attribute, const std::string &path);

} // namespace lathe::hdf5
