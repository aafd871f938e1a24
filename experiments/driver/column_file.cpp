// SPDX-License-Identifier: BSD-2-Clause
#include "driver/column_file.h"
#include "core/error.h"
#include "driver/hdf5_input.h"
#include "driver/text_source.h"
#include <algorithm>

namespace lathe::driver {
namespace {

std::string list(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text.size() <= 200 ? text : text.substr(0, 200) + "...";
}

// --- CSV
// ------------------------------------------------------------------------------------------

/// Rank 0: the line of names, the number of the line that has it.
std::string read_names(TextSource *source, std::vector<std::string> *names, std::int64_t *lines) {
  std::string line;
  std::string problem;
  do {
    if (!source->header_line(&line, &problem))
      return problem.empty() ? "no line names the columns" : problem;
    if (++*lines == 1 && line.starts_with("\xef\xbb\xbf")) // spreadsheets put this before UTF-8
      line.erase(0, 3);
  } while (csv::skipped(line));
  problem = csv::parse_names(line, names);
  return problem.empty() ? problem : "line " + std::to_string(*lines) + ": " + problem;
}

/// Names and the line they are on, from rank 0 to all.
PetscErrorCode ShareNames(MPI_Comm comm, std::vector<std::string> *names, std::int64_t *lines) {
  PetscFunctionBegin;
  std::string joined;
  for (const std::string &name : *names)
    joined += name + '\n';
  std::int64_t sizes[2] = {*lines, static_cast<std::int64_t>(joined.size())};
  PetscCallMPI(MPI_Bcast(sizes, 2, MPI_INT64_T, 0, comm));
  *lines = sizes[0];
  joined.resize(static_cast<std::size_t>(sizes[1]));
  PetscCallMPI(MPI_Bcast(joined.data(), static_cast<int>(joined.size()), MPI_CHAR, 0, comm));
  names->clear();
  for (std::size_t begin = 0, end = 0; begin < joined.size(); begin = end + 1) {
    end = joined.find('\n', begin);
    names->push_back(joined.substr(begin, end - begin));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

std::string make_layout(const std::vector<std::string> &names,
                        std::span<const ColumnRequest> requests, csv::Layout *layout) {
  layout->fields = names.size();
  for (const ColumnRequest &request : requests) {
    const auto found = std::find(names.begin(), names.end(), request.name);
    if (found != names.end())
      layout->wanted.push_back({static_cast<std::size_t>(found - names.begin()), &request});
    else if (!request.optional)
      return "no column " + request.name + "; the first line names " + list(names);
  }
  std::sort(layout->wanted.begin(), layout->wanted.end(),
            [](const auto &a, const auto &b) { return a.position < b.position; });
  return {};
}

/// Values of one slab on this rank, and where they stand in the table.
struct Piece {
  std::int64_t first = 0;
  std::vector<double> values;
};

PetscErrorCode ParseSlab(MPI_Comm comm, const std::string &file, std::string_view text,
                         const csv::Layout &layout, std::int64_t *rows, std::int64_t *lines,
                         std::vector<Piece> *pieces) {
  PetscFunctionBegin;
  csv::Parsed parsed;
  const std::string failed = attempt([&] { csv::parse_body(text, layout, &parsed); });
  LatheCheckAll(comm, failed.empty(), PETSC_ERR_MEM, "%s: %s", file.c_str(), failed.c_str());
  const std::int64_t mine[2] = {parsed.rows, parsed.lines};
  std::int64_t before[2] = {0, 0};
  std::int64_t all[2];
  int rank = 0;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Exscan(mine, before, 2, MPI_INT64_T, MPI_SUM, comm));
  PetscCallMPI(MPI_Allreduce(mine, all, 2, MPI_INT64_T, MPI_SUM, comm));
  if (rank == 0)
    before[0] = before[1] = 0; // MPI leaves rank 0's result undefined
  const csv::Problem &p = parsed.problem;
  LatheCheckAll(comm, !p, PETSC_ERR_FILE_UNEXPECTED, "%s:%lld:%lld: %s", file.c_str(),
                static_cast<long long>(*lines + before[1] + p.line),
                static_cast<long long>(p.column), p.text.c_str());
  pieces->push_back({*rows + before[0], std::move(parsed.values)});
  *rows += all[0];
  *lines += all[1];
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Send every row of a slab to the rank that owns it and append what this rank gets: ranks hold
/// consecutive rows, and slabs come in order, so that what arrives is in order.
PetscErrorCode Deal(MPI_Comm comm, std::int64_t rows, std::size_t numbers, const Piece &piece,
                    std::vector<double> *received) {
  PetscFunctionBegin;
  int size = 1;
  PetscCallMPI(MPI_Comm_size(comm, &size));
  const auto ranks = static_cast<std::size_t>(size);
  const Range held{piece.first,
                   piece.first + static_cast<std::int64_t>(piece.values.size() / numbers)};
  std::vector<int> give(ranks), give_at(ranks), get(ranks), get_at(ranks);
  for (std::size_t r = 0; r < ranks; ++r) {
    const Range owned = block_range(rows, size, static_cast<int>(r));
    const std::int64_t begin = std::max(held.begin, owned.begin);
    const std::int64_t end = std::max(begin, std::min(held.end, owned.end));
    give[r] = static_cast<int>(static_cast<std::size_t>(end - begin) * numbers);
    give_at[r] = r == 0 ? 0 : give_at[r - 1] + give[r - 1];
  }
  PetscCallMPI(MPI_Alltoall(give.data(), 1, MPI_INT, get.data(), 1, MPI_INT, comm));
  std::size_t total = 0;
  for (std::size_t r = 0; r < ranks; ++r) {
    get_at[r] = static_cast<int>(total);
    total += static_cast<std::size_t>(get[r]);
  }
  const std::size_t old = received->size();
  received->resize(old + total);
  PetscCallMPI(MPI_Alltoallv(piece.values.data(), give.data(), give_at.data(), MPI_DOUBLE,
                             received->data() + old, get.data(), get_at.data(), MPI_DOUBLE, comm));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Row-major values of the layout's order into the columns of the request's order.
void unpack(const csv::Layout &layout, std::span<const ColumnRequest> requests,
            const std::vector<double> &values, ColumnTable *table) {
  const std::size_t numbers = csv::width(layout);
  const auto rows = static_cast<std::size_t>(table->mine.size());
  std::size_t offset = 0;
  for (const csv::Layout::Field &field : layout.wanted) {
    auto &column = table->columns[static_cast<std::size_t>(field.request - requests.data())];
    column.present = true;
    for (std::vector<double> *target : {&column.values, &column.remainders}) {
      if (target == &column.remainders && !field.request->with_remainder)
        break;
      target->resize(rows);
      for (std::size_t i = 0; i < rows; ++i)
        (*target)[i] = values[i * numbers + offset];
      ++offset;
    }
  }
}

PetscErrorCode ReadCsv(MPI_Comm comm, const std::string &file,
                       std::span<const ColumnRequest> requests, ColumnTable *table,
                       std::size_t part_bytes) {
  PetscFunctionBegin;
  int rank = 0;
  int size = 1;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  TextSource source(comm, file, part_bytes);
  PetscCall(source.Open());
  std::vector<std::string> names;
  std::int64_t lines = 0;
  std::string problem = rank == 0 ? read_names(&source, &names, &lines) : "";
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s: %s", file.c_str(),
                problem.c_str());
  PetscCall(ShareNames(comm, &names, &lines));
  PetscCall(source.Start());
  csv::Layout layout;
  problem = make_layout(names, requests, &layout);
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s:%lld: %s", file.c_str(),
                static_cast<long long>(lines), problem.c_str());
  std::vector<Piece> pieces;
  std::string_view text;
  for (bool more = true;;) {
    PetscCall(source.Next(&text, &more));
    if (!more)
      break;
    PetscCall(ParseSlab(comm, file, text, layout, &table->rows, &lines, &pieces));
  }
  LatheCheckAll(comm, table->rows > 0, PETSC_ERR_FILE_UNEXPECTED,
                "%s: no row follows the names of the columns", file.c_str());
  const std::size_t numbers = csv::width(layout);
  table->mine = block_range(table->rows, size, rank);
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(table->mine.size()) * numbers);
  for (Piece &piece : pieces) {
    PetscCall(Deal(comm, table->rows, numbers, piece, &values));
    piece.values = {};
  }
  unpack(layout, requests, values, table);
  table->format = "CSV";
  PetscFunctionReturn(PETSC_SUCCESS);
}

// --- HDF5
// -----------------------------------------------------------------------------------------

hdf5::Numbers open_column(const hdf5::Input &input, const std::string &path) {
  hdf5::Numbers numbers = hdf5::open_numbers(input, path);
  if (numbers.complex != hdf5::Complex::no)
    throw InputError(numbers.where + " is complex; real numbers are needed");
  if (numbers.shape.size() != 1)
    throw InputError(numbers.where + " has " + std::to_string(numbers.shape.size()) +
                     " dimensions; must have 1");
  return numbers;
}

void read_hdf5(const std::string &spec, std::span<const ColumnRequest> requests, int size, int rank,
               ColumnTable *table) {
  const hdf5::SilentErrors silent;
  const std::size_t colon = spec.find(":/");
  const hdf5::Input input(spec.substr(0, colon));
  std::string group = colon == std::string::npos ? "/" : spec.substr(colon + 1);
  if (!hdf5::exists(input, group))
    throw InputError(input.name + " has no object " + group);
  if (!group.ends_with('/'))
    group += '/';
  const auto read = [&](const std::string &path) {
    const hdf5::Numbers numbers = open_column(input, path);
    const auto rows = static_cast<std::int64_t>(numbers.shape[0]);
    if (rows == 0)
      throw InputError(numbers.where + " is empty");
    if (table->rows > 0 && rows != table->rows)
      throw InputError(Format("%s has %lld values; the column before it has %lld",
                              numbers.where.c_str(), static_cast<long long>(rows),
                              static_cast<long long>(table->rows)));
    table->rows = rows;
    table->mine = block_range(rows, size, rank);
    return hdf5::read_doubles(numbers, {static_cast<hsize_t>(table->mine.begin)},
                              {static_cast<hsize_t>(table->mine.size())});
  };
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ColumnRequest &request = requests[i];
    ColumnTable::Column &column = table->columns[i];
    const std::string path = group + request.name;
    column.present = hdf5::exists(input, path);
    if (!column.present && !request.optional)
      throw InputError(input.name + " has no dataset " + path);
    if (!column.present)
      continue;
    column.values = read(path);
    const auto low = std::find_if(column.values.begin(), column.values.end(),
                                  [&](double value) { return value < request.least; });
    if (low != column.values.end())
      throw InputError(Format(
          "%s:%s[%lld]: %.17g is below %g, the least value allowed", input.name.c_str(),
          path.c_str(), static_cast<long long>(table->mine.begin + (low - column.values.begin())),
          *low, request.least));
    if (request.with_remainder && hdf5::exists(input, path + "_low"))
      column.remainders = read(path + "_low");
    else if (request.with_remainder)
      column.remainders.assign(column.values.size(), 0);
  }
}

} // namespace

PetscErrorCode ReadColumns(MPI_Comm comm, const std::string &spec,
                           std::span<const ColumnRequest> requests, ColumnTable *table,
                           std::size_t part_bytes) {
  PetscFunctionBegin;
  int rank = 0;
  int size = 1;
  PetscCallMPI(MPI_Comm_rank(comm, &rank));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  *table = {};
  table->columns.resize(requests.size());
  int is_hdf5 = 0;
  std::string problem;
  if (rank == 0) {
    const std::string file = spec.substr(0, spec.find(":/"));
    ReadOnlyFile bytes;
    problem = bytes.open(file);
    if (problem.empty() && bytes.bytes() == 0)
      problem = "is empty";
    if (!problem.empty())
      problem = file + ": " + problem;
    else
      is_hdf5 = hdf5::has_signature(bytes) ? 1 : 0;
    if (problem.empty() && !is_hdf5 && file != spec)
      problem = file + " is not an HDF5 file, so no object can be named in it";
  }
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  PetscCallMPI(MPI_Bcast(&is_hdf5, 1, MPI_INT, 0, comm));
  if (!is_hdf5) {
    LatheGuard(comm, PetscCall(ReadCsv(comm, spec, requests, table, part_bytes)));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  problem = attempt([&] { read_hdf5(spec, requests, size, rank, table); });
  LatheCheckAll(comm, problem.empty(), PETSC_ERR_FILE_UNEXPECTED, "%s", problem.c_str());
  table->format = "HDF5";
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
