// SPDX-License-Identifier: BSD-2-Clause
#include "driver/hdf5_text.h"
#include "driver/file_read.h"
#include <array>
#include <cstring>

namespace lathe::hdf5 {
namespace {

constexpr std::size_t longest = 65536;

// An attribute holds the length of its text, the address of a heap collection and an index in it;
// all integers are little-endian.
struct Reference {
  std::uint64_t length = 0, collection = 0, index = 0;
};

std::uint64_t integer(const unsigned char *bytes, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = width; i-- > 0;)
    value = value << 8 | bytes[i];
  return value;
}

// Facts of the file that the conversion needs.
struct Heap {
  driver::ReadOnlyFile file;
  std::int64_t base = 0; // addresses count from here
  std::size_t address_width = 8, size_width = 8;

  // Walk the collection: header (signature, version, length), then objects of index, uses, size and
  // data, each a multiple of 8 bytes long; index 0 is the free rest.
  [[nodiscard]] std::optional<std::string> text(const Reference &r) const {
    if (r.length > longest || r.collection > static_cast<std::uint64_t>(file.bytes()))
      return {};
    std::int64_t at = base + static_cast<std::int64_t>(r.collection);
    const std::size_t header = 8 + size_width;
    std::array<unsigned char, 16> head{};
    if (!file.read(head.data(), header, at).empty() || std::memcmp(head.data(), "GCOL\1", 5) != 0)
      return {};
    const std::uint64_t total = integer(&head[8], size_width);
    if (total > static_cast<std::uint64_t>(file.bytes() - at))
      return {};
    const std::int64_t end = at + static_cast<std::int64_t>(total);
    at += static_cast<std::int64_t>((header + 7) / 8 * 8);
    while (at + static_cast<std::int64_t>(header) <= end) {
      if (!file.read(head.data(), header, at).empty())
        return {};
      const std::uint64_t index = integer(head.data(), 2);
      const std::uint64_t size = integer(&head[8], size_width);
      at += static_cast<std::int64_t>((header + 7) / 8 * 8);
      if (index == 0 || size > static_cast<std::uint64_t>(end - at))
        return {};
      if (index == r.index) {
        std::string found(r.length, '\0');
        if (r.length > size || !file.read(found.data(), found.size(), at).empty())
          return {};
        return found;
      }
      at += static_cast<std::int64_t>((size + 7) / 8 * 8);
    }
    return {};
  }
};

const Heap *current = nullptr; // of the attribute that is being read; HDF5 passes no context
std::optional<std::string> *result = nullptr;

herr_t convert(hid_t, hid_t, H5T_cdata_t *data, std::size_t count, std::size_t, std::size_t,
               void *buffer, void *, hid_t) {
  if (data->command == H5T_CONV_INIT)
    data->need_bkg = H5T_BKG_NO;
  if (data->command != H5T_CONV_CONV)
    return 0;
  if (!current || count != 1)
    return -1;
  const auto *bytes = static_cast<const unsigned char *>(buffer);
  const std::size_t width = current->address_width;
  *result =
      current->text({integer(bytes, 4), integer(bytes + 4, width), integer(bytes + 4 + width, 4)});
  return 0;
}

// Conversions from variable to fixed length, of which HDF5 has none itself.
void register_conversion() {
  static bool done = false;
  if (done)
    return;
  const Datatype variable(H5Tcopy(H5T_C_S1));
  H5Tset_size(variable, H5T_VARIABLE);
  done = H5Tregister(H5T_PERS_SOFT, "checked text", variable, H5T_C_S1, convert) >= 0;
}

} // namespace

std::optional<std::string> read_variable_text(hid_t attribute, const std::string &path) {
  register_conversion();
  const File file(H5Iget_file_id(attribute));
  const PropertyList creation(file ? H5Fget_create_plist(file) : H5I_INVALID_HID);
  Heap heap;
  hsize_t base = 0;
  if (!creation || H5Pget_sizes(creation, &heap.address_width, &heap.size_width) < 0 ||
      H5Pget_userblock(creation, &base) < 0 || heap.address_width > 8 || heap.size_width > 8 ||
      !heap.file.open(path).empty())
    return {};
  heap.base = static_cast<std::int64_t>(base);
  const Datatype fixed(H5Tcopy(H5T_C_S1));
  H5Tset_size(fixed, 32); // at least as long as a reference
  std::array<char, 32> ignored{};
  std::optional<std::string> text;
  current = &heap;
  result = &text;
  const herr_t read = H5Aread(attribute, fixed, ignored.data());
  current = nullptr;
  result = nullptr;
  return read < 0 ? std::nullopt : text;
}

} // namespace lathe::hdf5
