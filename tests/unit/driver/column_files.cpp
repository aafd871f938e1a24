// SPDX-License-Identifier: BSD-2-Clause
// Tables of numbers from CSV and HDF5: exact values on any number of ranks, refusals that name the
// place, damaged files.
#include "core/random.h"
#include "driver/column_file.h"
#include "driver/hdf5_handle.h"
#include "unit/driver/damage.h"
#include "unit/driver/fixture.h"
#include <cmath>

using namespace lathe;
using namespace lathe::test;
using driver::ColumnRequest;
using driver::ColumnTable;

namespace {

const std::vector<ColumnRequest> points{{.name = "v", .least = 0}, {.name = "x", .least = 0}};

Caught read(const std::string &spec, const std::vector<ColumnRequest> &requests, ColumnTable *table,
            std::size_t part_bytes = 64) {
  return catch_error(
      [&] { return driver::ReadColumns(PETSC_COMM_WORLD, spec, requests, table, part_bytes); });
}

/// This rank's rows are those of `expected` that it should own, bit by bit.
bool holds(const ColumnTable &t, std::size_t column, const std::vector<double> &expected) {
  const Range mine =
      block_range(static_cast<std::int64_t>(expected.size()), mpi_size(), mpi_rank());
  const auto &got = t.columns[column].values;
  return t.rows == static_cast<std::int64_t>(expected.size()) && t.mine.begin == mine.begin &&
         t.mine.end == mine.end && got.size() == static_cast<std::size_t>(mine.size()) &&
         (got.empty() ||
          std::memcmp(got.data(), expected.data() + mine.begin, 8 * got.size()) == 0);
}

void refuses(const std::string &spec, const std::string &words,
             const std::vector<ColumnRequest> &requests = points) {
  ColumnTable t;
  const Caught caught = read(spec, requests, &t);
  INFO(spec << ": expected '" << words << "', got: " << caught.message);
  CHECK_ALL(caught.code == PETSC_ERR_FILE_UNEXPECTED);
  CHECK_ALL(caught.message.find(words) != std::string::npos);
}

/// HDF5 file with one-dimensional datasets, written by rank 0.
std::string write_hdf5(const Scratch &scratch, const std::string &name,
                       const std::vector<std::pair<std::string, std::vector<double>>> &columns) {
  using namespace lathe::hdf5;
  const std::string path = scratch.path(name);
  bool written = true;
  if (mpi_rank() == 0) {
    const File file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
    const PropertyList parents(H5Pcreate(H5P_LINK_CREATE));
    H5Pset_create_intermediate_group(parents, 1);
    for (const auto &[dataset, values] : columns) {
      const hsize_t n = values.size();
      const Dataspace space(H5Screate_simple(1, &n, nullptr));
      const Dataset d(H5Dcreate2(file, dataset.c_str(), H5T_IEEE_F64LE, space, parents, H5P_DEFAULT,
                                 H5P_DEFAULT));
      written = written && (n == 0 || H5Dwrite(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                               values.data()) >= 0);
    }
  }
  REQUIRE_ALL(written);
  MPI_Barrier(PETSC_COMM_WORLD);
  return path;
}

} // namespace

TEST_CASE("Columns: numbers in every notation that a CSV file may have") {
  const Scratch scratch;
  const std::string text = "\xef\xbb\xbf# made by hand\r\n"
                           "\r\n"
                           "name, \"x\" ,v\r\n"
                           "a,0x1.8p-3,1e-3\r\n"
                           "  # a comment\r\n"
                           "\"b, with a comma\", 0X1P-1074 ,\t+2.5\r\n"
                           "\"c \"\"quoted\"\"\",\"4.9406564584124654e-324\",0.1\r\n"
                           "\r\n"
                           ",1.7976931348623157e308,-0\r\n"
                           "e,0x1.fffffffffffffp+1023,9007199254740993"; // no newline at the end
  const std::vector<double> x{0.1875, 4.9406564584124654e-324, 4.9406564584124654e-324,
                              1.7976931348623157e308, 1.7976931348623157e308};
  const std::vector<double> v{1e-3, 2.5, 0.1, -0.0, 9007199254740992.0};
  for (const char *name : {"a.csv", "a.csv.gz"})
    for (const std::size_t part : {1UL, 7UL, 64UL, 100000UL}) {
      ColumnTable t;
      const Caught caught = read(scratch.write(name, text), points, &t, part);
      INFO(name << ", part " << part << ": " << caught.message);
      REQUIRE_ALL(caught.code == PETSC_SUCCESS);
      CHECK_ALL(holds(t, 0, v));
      CHECK_ALL(holds(t, 1, x));
      CHECK_ALL(t.format == "CSV");
    }
}

TEST_CASE("Columns: thousands of rows round-trip through hexadecimal and 17 digits") {
  const Scratch scratch;
  std::vector<double> v, x;
  std::string text = "v,skipped,x\n";
  char line[128];
  for (std::uint64_t i = 0; i < 3001; ++i) {
    v.push_back(std::exp(20 * random::normal(5, 0, i)));
    x.push_back(std::exp(100 * random::normal(5, 1, i)));
    std::snprintf(line, sizeof line, "%a,text,%.17g\n", v.back(), x.back());
    text += line;
  }
  const std::string csv = scratch.write("points.csv", text);
  const std::string h5 = write_hdf5(scratch, "points.h5", {{"set/v", v}, {"set/x", x}});
  for (const std::string &spec : {csv, h5 + ":/set", h5 + ":/set/"}) {
    ColumnTable t;
    const Caught caught = read(spec, points, &t, 1000);
    INFO(spec << ": " << caught.message);
    REQUIRE_ALL(caught.code == PETSC_SUCCESS);
    CHECK_ALL(holds(t, 0, v));
    CHECK_ALL(holds(t, 1, x));
  }
}

TEST_CASE("Columns: optional ones, and what rounding to double drops") {
  const Scratch scratch;
  const std::string csv = scratch.write("r.csv", "y\n0.1\n1\n-3.25e40\n1e-400\n-7.5e310\n");
  const std::vector<ColumnRequest> wanted{{.name = "z", .optional = true},
                                          {.name = "y", .with_remainder = true}};
  const std::string h5 =
      write_hdf5(scratch, "r.h5", {{"y", {0.1, 1, -3.25e40}}, {"y_low", {1e-18, 0, 1}}});
  for (const std::string &spec : {csv, h5}) {
    ColumnTable t;
    const Caught caught = read(spec, wanted, &t);
    INFO(spec << ": " << caught.message);
    REQUIRE_ALL(caught.code == PETSC_SUCCESS);
    CHECK_ALL(!t.columns[0].present);
    if (spec == csv)
      CHECK_ALL(holds(t, 1, {0.1, 1, -3.25e40, 0, -INFINITY}));
    else
      CHECK_ALL(holds(t, 1, {0.1, 1, -3.25e40}));
    const auto &low = t.columns[1].remainders;
    REQUIRE_ALL(low.size() == t.columns[1].values.size());
    if (mpi_rank() == 0 && spec == csv) // 0.1 = 0x1.999999999999ap-4 − 5.55111512312578e-18
      CHECK(std::fabs(low[0] + 5.5511151231257827e-18) < 1e-20);
    else if (mpi_rank() == 0)
      CHECK(low[0] == 1e-18);
  }
}

TEST_CASE("Columns: what is refused, and where") {
  const Scratch scratch;
  const auto csv = [&](const std::string &text) { return scratch.write("bad.csv", text); };
  refuses(csv(""), "bad.csv: is empty");
  refuses(csv("# only a comment\n\n"), "bad.csv: no line names the columns");
  refuses(csv("v,x\n"), "bad.csv: no row follows");
  refuses(csv("v,x\n# nothing\n"), "bad.csv: no row follows");
  refuses(csv("v,y\n1,2\n"), "bad.csv:1: no column x; the first line names v, y");
  refuses(csv("1,2\n3,4\n"), "bad.csv:1: no column v; the first line names 1, 2");
  refuses(csv("v,x,v\n1,2,3\n"), "line 1: two columns have the name 'v'");
  refuses(csv("# c\nv,x\n1,2\n1,2,3\n"), "bad.csv:4:1: 3 fields, but the columns are 2");
  refuses(csv("v,x\n1,2\n1\n"), "bad.csv:3:1: 1 fields, but the columns are 2");
  refuses(csv("v,x\r\n1,2\r\n1, -3\r\n"), "bad.csv:3:4: x '-3' is below 0");
  refuses(csv("v,x\n1,-1e-320\n"), "bad.csv:2:3: x '-1e-320' is below 0");
  refuses(csv("v,x\nnan,2\n"), "bad.csv:2:1: v 'nan' is not finite");
  refuses(csv("v,x\n1,inf\n"), "bad.csv:2:3: x 'inf' is not finite");
  refuses(csv("v,x\n1,\n"), "bad.csv:2:3: x is empty");
  refuses(csv("v,x\n1,two\n"), "bad.csv:2:3: x 'two' is not a number");
  refuses(csv("v,x\n1,2 3\n"), "x '2 3' is not a number");
  refuses(csv("v,x\n1,0x\n"), "x '0x' is not a number");
  refuses(csv("v,x\n1,--2\n"), "x '--2' is not a number");
  refuses(csv("v,x\n1,0xinf\n"), "x '0xinf' is not a number");
  refuses(csv("v,x\n1,infinite\n"), "x 'infinite' is not a number");
  refuses(csv("v,x\n1,1e400\n"), "x '1e400' is outside the range of a double");
  refuses(csv("y\ninf\n"), "bad.csv:2:1: y 'inf' is not finite",
          {{.name = "y", .with_remainder = true}});
  refuses(csv("v,x\n1,1e-400\n"), "x '1e-400' is outside the range of a double");
  refuses(csv("v;x\n1;2\n"), "no column v; the first line names v;x");
  std::string line(70000, 'v'); // + "\n" would meet a false warning of g++ 12
  line.push_back('\n');
  refuses(csv(line), "longer than 65536 bytes");
  refuses(scratch.path("absent.csv"), "absent.csv");
  refuses(csv("v,x\n1,2\n") + ":/group", "is not an HDF5 file");

  refuses(write_hdf5(scratch, "bad.h5", {{"v", {1, 2}}}), "bad.h5 has no dataset /x");
  refuses(write_hdf5(scratch, "bad.h5", {{"v", {1, 2}}, {"x", {1, 2, 3}}}),
          "/x has 3 values; the column before it has 2");
  refuses(write_hdf5(scratch, "bad.h5", {{"v", {}}, {"x", {}}}), "/v is empty");
  refuses(write_hdf5(scratch, "bad.h5", {{"v", {1, 2, 3, -4}}, {"x", {1, 2, 3, 4}}}),
          "bad.h5:/v[3]: -4 is below 0");
  refuses(write_hdf5(scratch, "bad.h5", {{"v", {1, 2, 3}}, {"x", {1, NAN, 3}}}),
          "bad.h5:/x[1]: is nan");
  refuses(write_hdf5(scratch, "bad.h5", {{"g/v", {1}}}) + ":/h", "has no object /h");
}

TEST_CASE("Columns: the place of a bad value far into a file, on every rank") {
  const Scratch scratch;
  std::string text = "v,x\n";
  for (int i = 0; i < 5000; ++i)
    text += i == 4321 ? "1,bad\n" : i % 7 == 0 ? "# note\n" : "1,2\n";
  refuses(scratch.write("long.csv", text), "long.csv:4323:3: x 'bad' is not a number");
  refuses(scratch.write("long.csv.gz", text), "long.csv.gz:4323:3: x 'bad' is not a number");
}

TEST_CASE("Columns: damaged files give an error that names the file, or numbers") {
  const Scratch scratch;
  const std::vector<std::string> seeds{"v,x\n1,2\n0x1.8p3,4\n# c\n5e-3,\"6\"\n",
                                       "\"name\",v,x,log_i\r\nset, 1 ,2,3\r\nb,4,5,6\r\n",
                                       "x,v\n1e300,1e-300\n2,3\n4,5\n6,7\n8,9\n"};
  int reads = 0;
  int refusals = 0;
  int bad = 0;
  for (std::uint64_t k = 0; k < (mpi_size() == 1 ? 2000U : 150U); ++k) {
    const std::string file =
        scratch.write(k % 8 == 0 ? "damaged.csv.gz" : "damaged.csv",
                      damaged(seeds[k % seeds.size()], {.stream = 300000 + k}, true));
    ColumnTable t;
    const Caught caught = read(file, points, &t, 16);
    bool good = caught.message.find("damaged.csv") != std::string::npos;
    if (caught.code == PETSC_SUCCESS) {
      good = true;
      for (const auto &column : t.columns)
        for (const double value : column.values)
          good = good && std::isfinite(value) && value >= 0;
    }
    (agreed(caught.code == PETSC_SUCCESS) ? reads : refusals) += 1;
    bad += agreed(good) ? 0 : 1;
    MPI_Barrier(PETSC_COMM_WORLD);
  }
  CHECK(bad == 0);
  CHECK(reads > 0);
  CHECK(refusals > 0);
}
