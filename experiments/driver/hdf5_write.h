// SPDX-License-Identifier: BSD-2-Clause
// Property lists of every HDF5 file that lathe writes: equal contents give equal bytes.
#pragma once
#include "driver/hdf5_handle.h"
#include <mpi.h>

namespace lathe::hdf5 {

/// Creation of an object: no times, attributes and links in the order in which they were made.
inline PropertyList ordered_creation(hid_t kind) {
  PropertyList list(H5Pcreate(kind));
  H5Pset_obj_track_times(list, false);
  H5Pset_attr_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  if (kind == H5P_GROUP_CREATE || kind == H5P_FILE_CREATE)
    H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  return list;
}

/// Access to a file by all ranks of comm; invalid when HDF5 refuses.
inline PropertyList parallel_access(MPI_Comm comm) {
  PropertyList list(H5Pcreate(H5P_FILE_ACCESS));
  bool valid = H5Pset_fapl_mpio(list, comm, MPI_INFO_NULL) >= 0;
  // Not collective: a collective write of metadata passes through buffers of MPI-IO that fill the
  // gaps between two pieces with old memory of the process, other bytes in each run.
  valid = H5Pset_coll_metadata_write(list, false) >= 0 && valid;
  valid = H5Pset_all_coll_metadata_ops(list, true) >= 0 && valid;
  // The default low bound of versions limits an attribute to 64 KiB but is what every reader
  // understands.
  valid = H5Pset_fclose_degree(list, H5F_CLOSE_STRONG) >= 0 && valid;
  // By default small datasets share 2 KiB blocks. Nobody writes the unused end of a block, and
  // MPI-IO's collective buffers then leave old memory of the process there: other bytes in each
  // run.
  valid = H5Pset_small_data_block_size(list, 0) >= 0 && valid;
  return valid ? std::move(list) : PropertyList();
}

inline PropertyList collective_transfer() {
  PropertyList list(H5Pcreate(H5P_DATASET_XFER));
  H5Pset_dxpl_mpio(list, H5FD_MPIO_COLLECTIVE);
  return list;
}

} // namespace lathe::hdf5
