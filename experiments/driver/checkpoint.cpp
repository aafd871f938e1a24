// SPDX-License-Identifier: BSD-2-Clause
#include "driver/checkpoint.h"
#include "core/error.h"
#include "driver/hdf5_handle.h"
#include <openssl/evp.h>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <memory>
#include <unistd.h>

namespace lathe::driver {
namespace {

class Sha256 {
public:
  Sha256() { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void add(const char *data, std::size_t size) { EVP_DigestUpdate(context_.get(), data, size); }
  std::string hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &size);
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
      char two[3];
      std::snprintf(two, sizeof two, "%02x", digest[i]);
      text += two;
    }
    return text;
  }

private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(),
                                                                   EVP_MD_CTX_free};
};

// The payload: 64-bit little-endian counts, strings with their length, doubles by their bits. It
// does not depend on the number of ranks nor on the width of PetscInt.
class Writer {
public:
  void count(std::uint64_t n) {
    for (int i = 0; i < 8; ++i)
      bytes += static_cast<char>(n >> (8 * i));
  }
  void real(double x) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &x, sizeof bits);
    count(bits);
  }
  void text(const std::string &s) {
    count(s.size());
    bytes += s;
  }
  std::string bytes;
};

class Reader {
public:
  explicit Reader(const std::string &data) : data_(data) {}
  std::uint64_t count() {
    if (at_ + 8 > data_.size())
      return good = false, 0;
    std::uint64_t n = 0;
    for (int i = 0; i < 8; ++i)
      n |= static_cast<std::uint64_t>(static_cast<unsigned char>(data_[at_++])) << (8 * i);
    return n;
  }
  /// A number of items of at least one byte each.
  std::uint64_t length() {
    const std::uint64_t n = count();
    if (n > data_.size() - at_)
      return good = false, 0;
    return n;
  }
  double real() {
    const std::uint64_t bits = count();
    double x = 0;
    std::memcpy(&x, &bits, sizeof x);
    return x;
  }
  std::string text() {
    const std::uint64_t n = length();
    at_ += n;
    return data_.substr(at_ - n, n);
  }
  bool good = true;

private:
  const std::string &data_;
  std::size_t at_ = 0;
};

void write_value(Writer &out, const Value &value) {
  out.count(value.index());
  if (const auto *real = std::get_if<double>(&value))
    out.real(*real);
  else if (const auto *integer = std::get_if<std::int64_t>(&value))
    out.count(static_cast<std::uint64_t>(*integer));
  else if (const auto *text = std::get_if<std::string>(&value))
    out.text(*text);
  else if (const auto *array = std::get_if<Array>(&value)) {
    out.count(array->shape.size());
    for (const std::int64_t extent : array->shape)
      out.count(static_cast<std::uint64_t>(extent));
    out.count(array->values.size());
    for (const double x : array->values)
      out.real(x);
  }
}

Value read_value(Reader &in) {
  switch (in.count()) {
  case 0:
    return in.real();
  case 1:
    return static_cast<std::int64_t>(in.count());
  case 2:
    return in.text();
  default: {
    Array array;
    array.shape.resize(in.length());
    for (std::int64_t &extent : array.shape)
      extent = static_cast<std::int64_t>(in.count());
    array.values.resize(in.length());
    for (double &x : array.values)
      x = in.real();
    return array;
  }
  }
}

std::string pack(const Checkpoint::Facts &facts, const Checkpoint::Tables &tables) {
  Writer out;
  out.text("lathe checkpoint 1");
  out.count(facts.size());
  for (const auto &[name, value] : facts) {
    out.text(name);
    out.text(value);
  }
  out.count(tables.size());
  for (const auto &[dimension, cases] : tables) {
    out.text(dimension);
    out.count(cases.size());
    for (const Case &c : cases) {
      out.text(c.name);
      out.count(static_cast<std::uint64_t>(c.status));
      out.text(c.failure);
      out.count(c.record.values().size());
      for (const auto &[name, value] : c.record.values()) {
        out.text(name);
        write_value(out, value);
      }
    }
  }
  return std::move(out.bytes);
}

bool unpack(const std::string &bytes, Checkpoint::Facts *facts, Checkpoint::Tables *tables) {
  Reader in(bytes);
  if (in.text() != "lathe checkpoint 1")
    return false;
  for (std::uint64_t i = 0, n = in.length(); i < n && in.good; ++i) {
    std::string name = in.text();
    facts->emplace_back(std::move(name), in.text());
  }
  for (std::uint64_t t = 0, n = in.length(); t < n && in.good; ++t) {
    std::vector<Case> &cases = (*tables)[in.text()];
    cases.resize(in.length());
    for (Case &c : cases) {
      c.name = in.text();
      c.status = static_cast<CaseStatus>(in.count());
      c.failure = in.text();
      for (std::uint64_t v = 0, m = in.length(); v < m && in.good; ++v) {
        const std::string name = in.text();
        c.record.set(name, read_value(in));
      }
    }
  }
  return in.good;
}

constexpr const char *dataset_name = "finished_cases";

/// The payload of a checkpoint file; "" and a reason when it is absent or damaged.
std::string read_payload(const std::string &path, bool *exists, std::string *why) {
  const hdf5::SilentErrors silent;
  *exists = access(path.c_str(), F_OK) == 0;
  if (!*exists)
    return "";
  *why = path + " is damaged";
  const hdf5::File file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT));
  if (!file)
    return "";
  const hdf5::Dataset dataset(H5Dopen2(file, dataset_name, H5P_DEFAULT));
  if (!dataset)
    return "";
  const hdf5::Dataspace space(H5Dget_space(dataset));
  const hssize_t size = H5Sget_simple_extent_npoints(space);
  if (size <= 0)
    return "";
  std::string bytes(static_cast<std::size_t>(size), '\0');
  if (H5Dread(dataset, H5T_NATIVE_UCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) < 0)
    return "";
  char stored[65] = "";
  const hdf5::Attribute attribute(H5Aopen(dataset, "sha256", H5P_DEFAULT));
  const hdf5::Datatype type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type, sizeof stored);
  if (!attribute || H5Aread(attribute, type, stored) < 0 || sha256(bytes) != stored)
    return "";
  return bytes;
}

std::string differences(const Checkpoint::Facts &then, const Checkpoint::Facts &now) {
  const auto find = [](const Checkpoint::Facts &facts, const std::string &name) {
    for (const auto &[key, value] : facts)
      if (key == name)
        return value;
    return std::string("(absent)");
  };
  std::string text;
  for (const auto &[name, value] : now)
    if (const std::string before = find(then, name); before != value)
      text += "; " + name + ": was " + before + ", now " + value;
  for (const auto &[name, value] : then)
    if (find(now, name) == "(absent)")
      text += "; " + name + ": was " + value + ", now (absent)";
  return text;
}

PetscErrorCode broadcast(MPI_Comm comm, std::string *text) {
  PetscFunctionBeginUser;
  std::uint64_t size = text->size();
  PetscCallMPI(MPI_Bcast(&size, 1, MPI_UINT64_T, 0, comm));
  text->resize(size);
  constexpr std::uint64_t piece = 1ULL << 30; // MPI counts in an int
  for (std::uint64_t at = 0; at < size; at += piece)
    PetscCallMPI(MPI_Bcast(text->data() + at, static_cast<int>(std::min(piece, size - at)),
                           MPI_CHAR, 0, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void sync_path(const std::string &path, int flags) {
  const int fd = ::open(path.c_str(), flags);
  if (fd >= 0) {
    (void)fsync(fd);
    ::close(fd);
  }
}

} // namespace

std::string sha256(const std::string &bytes) {
  Sha256 hash;
  hash.add(bytes.data(), bytes.size());
  return hash.hex();
}

std::string sha256_of_file(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  Sha256 hash;
  std::vector<char> buffer(1 << 20);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.add(buffer.data(), static_cast<std::size_t>(file.gcount()));
  }
  return file.eof() ? hash.hex() : "";
}

void Checkpoint::configure(const std::string &output, Facts facts) {
  const std::string stem = output.ends_with(".h5") ? output.substr(0, output.size() - 3) : output;
  newest_ = stem + ".ckpt.h5";
  previous_ = stem + ".ckpt.previous.h5";
  old_ = stem + ".ckpt.old.h5";
  rows_ = stem + ".ckpt.rows";
  facts_ = std::move(facts);
}

PetscErrorCode Checkpoint::load(MPI_Comm comm, Tables *tables, bool *found,
                                std::string *notice) const {
  PetscFunctionBeginUser;
  int rank = 0;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  std::string bytes;
  std::string problem;
  notice->clear();
  if (rank == 0) {
    bool any = false;
    for (const std::string &path : {newest_, previous_}) {
      bool exists = false;
      std::string why;
      bytes = read_payload(path, &exists, &why);
      any = any || exists;
      if (!bytes.empty())
        break;
      if (exists)
        *notice += why + "; ";
    }
    if (any && bytes.empty())
      problem = *notice + "no generation of the checkpoint is readable; start without -restart";
  }
  PetscCall(broadcast(comm, &problem));
  PetscCall(broadcast(comm, &bytes));
  PetscCheck(problem.empty(), comm, PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  *found = !bytes.empty();
  if (!*found)
    PetscFunctionReturn(PETSC_SUCCESS);
  Facts then;
  PetscCheck(unpack(bytes, &then, tables), comm, PETSC_ERR_FILE_UNEXPECTED,
             "%s is of another version of lathe; start without -restart", newest_.c_str());
  const std::string differing = differences(then, facts_);
  PetscCheck(differing.empty(), comm, PETSC_ERR_ARG_INCOMP,
             "-restart: the checkpoint %s belongs to another computation%s; give the same input "
             "and options, or start without -restart",
             newest_.c_str(), differing.c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Returns what went wrong, or "".
std::string Checkpoint::write_file(const std::string &bytes) const {
  const hdf5::SilentErrors silent;
  const std::string temporary = newest_ + ".tmp";
  {
    hdf5::File file(H5Fcreate(temporary.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
    const auto size = static_cast<hsize_t>(bytes.size());
    const hdf5::Dataspace space(H5Screate_simple(1, &size, nullptr));
    hdf5::Dataset dataset(
        H5Dcreate2(file, dataset_name, H5T_STD_U8LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    const hdf5::Datatype type(H5Tcopy(H5T_C_S1));
    H5Tset_size(type, 65);
    const hdf5::Dataspace scalar(H5Screate(H5S_SCALAR));
    hdf5::Attribute attribute(
        H5Acreate2(dataset, "sha256", type, scalar, H5P_DEFAULT, H5P_DEFAULT));
    const bool written =
        dataset && attribute && H5Awrite(attribute, type, sha256(bytes).c_str()) >= 0 &&
        H5Dwrite(dataset, H5T_NATIVE_UCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) >= 0;
    attribute.reset();
    dataset.reset();
    if (!file.close() || !written)
      return "cannot write the checkpoint " + temporary + ": " + hdf5::error_text();
  }
  sync_path(temporary, O_RDONLY);
  // A kill between the two renames leaves only `previous`, which load() takes.
  (void)std::rename(newest_.c_str(), previous_.c_str());
  if (std::rename(temporary.c_str(), newest_.c_str()) != 0)
    return "cannot rename " + temporary + " to " + newest_;
  const std::size_t slash = newest_.rfind('/');
  sync_path(slash == std::string::npos ? "." : newest_.substr(0, slash + 1),
            O_RDONLY | O_DIRECTORY);
  return "";
}

PetscErrorCode Checkpoint::save(MPI_Comm comm, const Tables &tables) const {
  PetscFunctionBeginUser;
  int rank = 0;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  std::string problem = rank == 0 ? write_file(pack(facts_, tables)) : "";
  PetscCall(broadcast(comm, &problem));
  PetscCheck(problem.empty(), comm, PETSC_ERR_FILE_WRITE, "%s", problem.c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

bool Checkpoint::set_aside() const {
  const std::string &from = access(newest_.c_str(), F_OK) == 0 ? newest_ : previous_;
  const bool moved = std::rename(from.c_str(), old_.c_str()) == 0;
  (void)std::remove(previous_.c_str());
  (void)std::remove(rows_.c_str());
  return moved;
}

void Checkpoint::remove() const {
  for (const std::string &file : {newest_, previous_, rows_})
    (void)std::remove(file.c_str());
}

} // namespace lathe::driver
