// SPDX-License-Identifier: BSD-2-Clause
// Owners of HDF5 identifiers, and HDF5's own error reports turned into one line of text.
//
//   SilentErrors silent;                          // no stack printed while this lives
//   File file(H5Fopen(name, H5F_ACC_RDONLY, H5P_DEFAULT));
//   if (!file) … error_text() …
//
// Closing a parallel file and everything in it is collective: owners leave scope in the same order
// on every rank.
#pragma once
#include <hdf5.h>
#include <string>
#include <utility>

namespace lathe::hdf5 {

/// Move-only owner of one identifier; negative means "none", as HDF5 reports failure.
template <herr_t (*Close)(hid_t)> class Handle {
public:
  Handle() = default;
  explicit Handle(hid_t id) noexcept : id_(id) {}
  Handle(Handle &&other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Handle &operator=(Handle &&other) noexcept {
    if (this != &other) {
      reset();
      id_ = std::exchange(other.id_, H5I_INVALID_HID);
    }
    return *this;
  }
  Handle(const Handle &) = delete;
  Handle &operator=(const Handle &) = delete;
  ~Handle() { reset(); }

  [[nodiscard]] hid_t get() const noexcept { return id_; }
  operator hid_t() const noexcept { return id_; } // HDF5 calls take the raw identifier
  explicit operator bool() const noexcept { return id_ >= 0; }
  void reset(hid_t id = H5I_INVALID_HID) noexcept {
    if (id_ >= 0)
      (void)Close(id_); // a destructor has no way to report
    id_ = id;
  }
  [[nodiscard]] hid_t release() noexcept { return std::exchange(id_, H5I_INVALID_HID); }
  /// Close now and hear whether it worked (a file is complete only after that).
  [[nodiscard]] bool close() noexcept { return id_ < 0 || Close(release()) >= 0; }

private:
  hid_t id_ = H5I_INVALID_HID;
};

using File = Handle<H5Fclose>;
using Group = Handle<H5Gclose>;
using Dataset = Handle<H5Dclose>;
using Dataspace = Handle<H5Sclose>;
using Datatype = Handle<H5Tclose>;
using Attribute = Handle<H5Aclose>;
using PropertyList = Handle<H5Pclose>;
using Object = Handle<H5Oclose>;

/// While it lives, HDF5 does not print its error stack; the stack stays readable by error_text().
class SilentErrors {
public:
  SilentErrors() noexcept {
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~SilentErrors() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }
  SilentErrors(const SilentErrors &) = delete;
  SilentErrors &operator=(const SilentErrors &) = delete;

private:
  H5E_auto2_t function_ = nullptr;
  void *data_ = nullptr;
};

/// Cause of the last HDF5 call that failed: the innermost description of its error stack (the call
/// that met the problem, not the ones that passed it on); "no details" when the stack is empty.
inline std::string error_text() {
  std::string text;
  const auto innermost = [](unsigned, const H5E_error2_t *entry, void *out) -> herr_t {
    if (entry->desc && *entry->desc)
      *static_cast<std::string *>(out) = entry->desc;
    return 1; // stop: upward walks start at the innermost entry
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, &text);
  return text.empty() ? "no details" : text;
}

} // namespace lathe::hdf5
