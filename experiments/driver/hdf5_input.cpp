// SPDX-License-Identifier: BSD-2-Clause
#include "driver/hdf5_input.h"
#include "core/error.h"
#include "driver/hdf5_text.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <sys/stat.h>

namespace lathe::hdf5 {
namespace {

[[noreturn]] void refuse(const std::string &where, const std::string &what) {
  throw InputError(where + ": " + what);
}

// A pair of floating-point members with the names of h5py, MATLAB or others.
void recognise_compound(hid_t type, Numbers *n) {
  const std::array<std::array<const char *, 2>, 4> names{
      {{"r", "i"}, {"real", "imag"}, {"re", "im"}, {"Re", "Im"}}};
  if (H5Tget_nmembers(type) != 2)
    refuse(n->where, "is compound; only complex pairs {r, i} or {real, imag} can be read");
  for (const auto &pair : names) {
    const int r = H5Tget_member_index(type, pair[0]);
    const int i = H5Tget_member_index(type, pair[1]);
    if (r < 0 || i < 0)
      continue;
    const auto both = {static_cast<unsigned>(r), static_cast<unsigned>(i)};
    if (std::all_of(both.begin(), both.end(),
                    [&](unsigned m) { return H5Tget_member_class(type, m) == H5T_FLOAT; })) {
      n->complex = Complex::compound;
      n->real_name = pair[0];
      n->imaginary_name = pair[1];
      return;
    }
  }
  refuse(n->where, "is compound; only complex pairs {r, i} or {real, imag} can be read");
}

const char *class_name(H5T_class_t type) {
  switch (type) {
  case H5T_STRING:
    return "strings";
  case H5T_ENUM:
    return "an enumeration (h5py's bool; store int8)";
  case H5T_REFERENCE:
    return "references";
  case H5T_VLEN:
    return "variable-length sequences";
  case H5T_ARRAY:
    return "arrays";
  default:
    return "no numbers";
  }
}

Datatype memory_type(const Numbers &n) {
  if (n.complex != Complex::compound)
    return Datatype(H5Tcopy(H5T_NATIVE_DOUBLE));
  Datatype pair(H5Tcreate(H5T_COMPOUND, 2 * sizeof(double)));
  H5Tinsert(pair, n.real_name.c_str(), 0, H5T_NATIVE_DOUBLE);
  H5Tinsert(pair, n.imaginary_name.c_str(), sizeof(double), H5T_NATIVE_DOUBLE);
  return pair;
}

// One rectangle into `out`, in slices of the first dimension of at most 1 GiB: MPI-IO and some
// filters count bytes of one call in int.
void read_slices(const Numbers &n, hid_t type, std::size_t size, std::vector<hsize_t> start,
                 std::vector<hsize_t> count, char *out) {
  if (n.complex == Complex::trailing) {
    start.push_back(0);
    count.push_back(2);
  }
  hsize_t row = size; // bytes of one index of the first dimension
  for (std::size_t d = 1; d < count.size(); ++d)
    row *= count[d];
  if (count.empty() || row == 0 || count[0] == 0)
    return;
  const hsize_t most = std::max<hsize_t>(1, (hsize_t{1} << 30) / row);
  const hsize_t end = start[0] + count[0];
  Dataspace file_space(H5Dget_space(n.dataset));
  while (start[0] < end) {
    count[0] = std::min(most, end - start[0]);
    Dataspace memory(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr));
    if (!file_space || !memory ||
        H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start.data(), nullptr, count.data(),
                            nullptr) < 0 ||
        H5Dread(n.dataset, type, memory, file_space, H5P_DEFAULT, out) < 0)
      refuse(n.where, "cannot read: " + error_text());
    out += count[0] * row;
    start[0] += count[0];
  }
}

std::string index_text(const Numbers &n, const std::vector<hsize_t> &start,
                       const std::vector<hsize_t> &count, std::size_t k) {
  std::vector<std::string> parts;
  for (std::size_t d = count.size(); d-- > 0;) {
    parts.push_back(Format("%llu", static_cast<unsigned long long>(start[d] + k % count[d])));
    k /= count[d];
  }
  std::string text = n.where + "[";
  for (std::size_t d = parts.size(); d-- > 0;)
    text += parts[d] + (d > 0 ? ", " : "]");
  return text;
}

Attribute open_attribute(const Input &input, const std::string &path, const char *name) {
  return Attribute(H5Aopen_by_name(input.file, path.c_str(), name, H5P_DEFAULT, H5P_DEFAULT));
}

} // namespace

bool has_signature(const driver::ReadOnlyFile &file) {
  std::array<char, 8> signature{};
  for (std::int64_t at = 0; at + 8 <= file.bytes(); at = at == 0 ? 512 : 2 * at)
    if (file.read(signature.data(), 8, at).empty() &&
        std::memcmp(signature.data(), "\x89HDF\r\n\x1a\n", 8) == 0)
      return true;
  return false;
}

std::int64_t Numbers::count() const {
  std::int64_t n = 1;
  for (const hsize_t d : shape)
    n *= static_cast<std::int64_t>(d);
  return n;
}

Input::Input(const std::string &path) : guard(path), name(path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0)
    refuse(path, "cannot be found");
  bytes = status.st_size;
  file.reset(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT));
  if (!file)
    refuse(path, "is damaged or in use: " + error_text());
}

Numbers open_numbers(const Input &input, const std::string &path) {
  Numbers n;
  n.where = input.name + ":" + path;
  n.dataset.reset(H5Dopen2(input.file, path.c_str(), H5P_DEFAULT));
  if (!n.dataset)
    refuse(n.where, "cannot be opened as a dataset: " + error_text());
  const Datatype type(H5Dget_type(n.dataset));
  const Dataspace space(H5Dget_space(n.dataset));
  const H5T_class_t type_class = type ? H5Tget_class(type) : H5T_NO_CLASS;
  const std::size_t size = type ? H5Tget_size(type) : 0;
  const int rank = space ? H5Sget_simple_extent_ndims(space) : -1;
  if (!type || size == 0 || rank < 0)
    refuse(n.where, "has a damaged type or extent: " + error_text());
  n.integer = type_class == H5T_INTEGER;
  n.fits_float = size <= (n.integer ? 2 : sizeof(float));
  if (type_class == H5T_COMPOUND)
    recognise_compound(type, &n);
  else if (!n.integer && type_class != H5T_FLOAT)
    refuse(n.where, std::string("holds ") + class_name(type_class) +
                        "; integer, floating-point or complex numbers are needed");
  n.shape.resize(static_cast<std::size_t>(rank));
  if (rank > 0 && H5Sget_simple_extent_dims(space, n.shape.data(), nullptr) < 0)
    refuse(n.where, "has a damaged extent: " + error_text());
  double bytes = static_cast<double>(size);
  for (const hsize_t d : n.shape)
    bytes *= static_cast<double>(d);
  if (bytes > std::max(16e6, 1100.0 * static_cast<double>(input.bytes)))
    refuse(n.where, Format("claims %.3g bytes, which a file of %lld bytes cannot hold", bytes,
                           static_cast<long long>(input.bytes)));
  const PropertyList creation(H5Dget_create_plist(n.dataset));
  const H5D_layout_t layout = creation ? H5Pget_layout(creation) : H5D_LAYOUT_ERROR;
  if (layout == H5D_CONTIGUOUS && H5Pget_external_count(creation) > 0)
    refuse(n.where, "stores its values in other files, which is not supported");
  const hsize_t stored = H5Dget_storage_size(n.dataset);
  const bool unwritten = layout == H5D_CONTIGUOUS && stored == 0; // all fill values
  if (layout != H5D_CHUNKED && !unwritten && static_cast<double>(stored) < bytes)
    refuse(n.where, Format("holds %llu bytes, its extent needs %.0f",
                           static_cast<unsigned long long>(stored), bytes));
  if (H5Aexists(n.dataset, "complex") > 0 && n.complex == Complex::no && !n.shape.empty() &&
      n.shape.back() == 2 && !n.integer) {
    n.complex = Complex::trailing;
    n.shape.pop_back();
  }
  return n;
}

std::vector<double> read_doubles(const Numbers &n, const std::vector<hsize_t> &start,
                                 const std::vector<hsize_t> &count) {
  const std::size_t parts = n.complex == Complex::no ? 1 : 2;
  std::size_t total = parts;
  for (const hsize_t c : count)
    total *= c;
  std::vector<double> values(total);
  const std::size_t size = n.complex == Complex::compound ? 2 * sizeof(double) : sizeof(double);
  read_slices(n, memory_type(n), size, start, count, reinterpret_cast<char *>(values.data()));
  for (std::size_t k = 0; k < values.size(); ++k)
    if (!std::isfinite(values[k]))
      refuse(index_text(n, start, count, k / parts),
             Format("is %g; values must be finite", values[k]));
  return values;
}

std::vector<std::int64_t> read_integers(const Numbers &n, hsize_t start, hsize_t count) {
  if (!n.integer)
    refuse(n.where, "holds floating-point numbers; indices must be integers");
  std::vector<std::int64_t> values(count);
  read_slices(n, H5T_NATIVE_INT64, sizeof(std::int64_t), {start}, {count},
              reinterpret_cast<char *>(values.data()));
  return values;
}

namespace {

template <class T>
void read_real_rows(const Numbers &n, hid_t type, hsize_t first, hsize_t rows, T *out) {
  std::vector<hsize_t> start(n.shape.size(), 0);
  std::vector<hsize_t> count = n.shape;
  start.at(0) = first;
  count.at(0) = rows;
  read_slices(n, type, sizeof(T), start, count, reinterpret_cast<char *>(out));
}

} // namespace

void read_rows(const Numbers &n, hsize_t start, hsize_t count, float *out) {
  read_real_rows(n, H5T_NATIVE_FLOAT, start, count, out);
}
void read_rows(const Numbers &n, hsize_t start, hsize_t count, double *out) {
  read_real_rows(n, H5T_NATIVE_DOUBLE, start, count, out);
}

bool exists(const Input &input, const std::string &path) {
  if (path.empty() || path == "/")
    return true;
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string head = path.substr(0, slash);
    if (H5Lexists(input.file, head.c_str(), H5P_DEFAULT) <= 0 ||
        H5Oexists_by_name(input.file, head.c_str(), H5P_DEFAULT) <= 0)
      return false;
    if (slash == std::string::npos)
      return true;
  }
}

H5I_type_t kind(const Input &input, const std::string &path) {
  const Object object(H5Oopen(input.file, path.empty() ? "/" : path.c_str(), H5P_DEFAULT));
  return object ? H5Iget_type(object) : H5I_BADID;
}

bool has_attribute(const Input &input, const std::string &path, const char *name) {
  return H5Aexists_by_name(input.file, path.empty() ? "/" : path.c_str(), name, H5P_DEFAULT) > 0;
}

std::optional<std::vector<std::int64_t>>
integer_attribute(const Input &input, const std::string &path, const char *name) {
  if (!has_attribute(input, path, name))
    return {};
  const Attribute attribute = open_attribute(input, path.empty() ? "/" : path, name);
  const Datatype type(attribute ? H5Aget_type(attribute) : H5I_INVALID_HID);
  const Dataspace space(attribute ? H5Aget_space(attribute) : H5I_INVALID_HID);
  const hssize_t n = space ? H5Sget_simple_extent_npoints(space) : -1;
  if (!type || H5Tget_class(type) != H5T_INTEGER || n < 1 || n > 64)
    return {};
  std::vector<std::int64_t> values(static_cast<std::size_t>(n));
  if (H5Aread(attribute, H5T_NATIVE_INT64, values.data()) < 0)
    return {};
  return values;
}

std::optional<std::string> string_attribute(const Input &input, const std::string &path,
                                            const char *name) {
  if (!has_attribute(input, path, name))
    return {};
  const Attribute attribute = open_attribute(input, path.empty() ? "/" : path, name);
  const Datatype type(attribute ? H5Aget_type(attribute) : H5I_INVALID_HID);
  const Dataspace space(attribute ? H5Aget_space(attribute) : H5I_INVALID_HID);
  if (!type || !space || H5Tget_class(type) != H5T_STRING ||
      H5Sget_simple_extent_npoints(space) != 1)
    return {};
  if (H5Tis_variable_str(type) > 0)
    return read_variable_text(attribute, input.name);
  const std::size_t size = H5Tget_size(type);
  if (size > 65536)
    return {};
  std::string text(size, '\0');
  if (H5Aread(attribute, type, text.data()) < 0)
    return {};
  text.resize(std::min(text.find('\0'), text.size()));
  return text;
}

} // namespace lathe::hdf5
