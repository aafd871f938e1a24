// SPDX-License-Identifier: BSD-2-Clause
// The part that every result file has: root attributes, /input, /options, /provenance, /timing.
#include "driver/build_info.h"
#include "driver/state.h"
#include <slepcsys.h>
#include <algorithm>
#include <ctime>
#include <dlfcn.h>
#include <fstream>
#include <thread>
#include <unistd.h>

namespace lathe::driver {
namespace {

std::string utc(std::time_t time) {
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      return line.substr(line.find(':') + 2);
  return "unknown";
}

/// OpenBLAS tells its version and kernel; other libraries have no such call.
std::string blas() {
  using Config = char *(*)();
  const auto config = reinterpret_cast<Config>(dlsym(RTLD_DEFAULT, "openblas_get_config"));
  return config ? config() : "not OpenBLAS";
}

std::string mpi_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int size = 0;
  MPI_Get_library_version(text, &size);
  const std::string all(text);
  return all.substr(0, all.find_first_of(",\n"));
}

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

/// Versions of what computed the result: the same on every rank and in every run of one build.
PetscErrorCode write_versions(ResultFile &file) {
  PetscFunctionBeginUser;
  char petsc[256];
  char slepc[256];
  PetscCall(PetscGetVersion(petsc, sizeof petsc));
  PetscCall(SlepcGetVersion(slepc, sizeof slepc));
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  H5get_libversion(&major, &minor, &release);
  const std::string group = "/provenance";
  const auto set = [&](const char *name, const std::string &value) {
    return file.attribute(group, name, value);
  };
  PetscCall(set("software", "lathe"));
  PetscCall(set("software_version", LATHE_VERSION));
  PetscCall(set("git_commit", LATHE_BUILD_COMMIT));
  PetscCall(file.flag_attribute(group, "git_dirty", LATHE_BUILD_DIRTY));
  PetscCall(set("compiler", LATHE_COMPILER));
  PetscCall(set("compiler_flags", LATHE_FLAGS));
  PetscCall(set("petsc", petsc));
  PetscCall(set("slepc", slepc));
  PetscCall(set("hdf5", std::to_string(major) + "." + std::to_string(minor) + "." +
                            std::to_string(release)));
  PetscCall(set("mpi", mpi_version()));
  PetscCall(set("petsc_scalar", PetscDefined(USE_COMPLEX) ? "complex" : "real"));
  PetscCall(
      file.attribute(group, "petsc_int_bits", static_cast<std::int64_t>(8 * sizeof(PetscInt))));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/// Facts of this one run.
PetscErrorCode write_circumstances(Driver::State &state) {
  PetscFunctionBeginUser;
  ResultFile &file = state.file;
  const std::string group = "/provenance";
  const auto set = [&](const char *name, const std::string &value) {
    return file.attribute(group, name, value);
  };
  const std::time_t now = std::time(nullptr);
  PetscCall(set("blas", blas()));
  PetscCall(file.attribute(group, "mpi_size", static_cast<std::int64_t>(state.size)));
  PetscCall(set("omp_num_threads", environment("OMP_NUM_THREADS")));
  PetscCall(set("openblas_num_threads", environment("OPENBLAS_NUM_THREADS")));
  PetscCall(file.attribute(group, "hardware_threads",
                           static_cast<std::int64_t>(std::thread::hardware_concurrency())));
  PetscCall(set("machine", cpu_model()));
  PetscCall(set("start_time", utc(now - static_cast<std::time_t>(MPI_Wtime() - state.start))));
  PetscCall(set("end_time", utc(now)));
  PetscCall(set("command_line", state.shown_text(state.command_line)));
  if (state.common.provenance == "full") {
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    char folder[4096] = "";
    if (!getcwd(folder, sizeof folder))
      folder[0] = '\0';
    PetscCall(set("hostname", host));
    PetscCall(set("user", environment("USER")));
    PetscCall(set("working_directory", folder));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode write_input(Driver::State &state) {
  PetscFunctionBeginUser;
  PetscCall(state.file.group("/input"));
  for (const auto &[name, value] : state.input_facts) {
    if (const auto *text = std::get_if<std::string>(&value))
      PetscCall(state.file.long_text("/input", name, *text));
    else if (const auto *integer = std::get_if<std::int64_t>(&value))
      PetscCall(state.file.attribute("/input", name, *integer));
    else if (const auto *real = std::get_if<double>(&value))
      PetscCall(state.file.attribute("/input", name, *real));
  }
  for (const InputFile &input : state.inputs) {
    const std::string group = "/input/" + input.role;
    PetscCall(state.file.group(group));
    PetscCall(state.file.attribute(group, "file", state.shown_path(input.path)));
    PetscCall(state.file.attribute(group, "size_bytes", input.size));
    PetscCall(state.file.attribute(group, "sha256", input.sha256));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode write_options(Driver::State &state) {
  PetscFunctionBeginUser;
  PetscCall(state.file.group("/options"));
  if (!state.common.reproducible)
    PetscCall(state.file.group("/options/source"));
  for (const Option &o : state.options.all()) {
    if (state.common.reproducible && o.runtime)
      continue;
    const std::string value = o.path ? state.shown_path(o.value) : state.shown_text(o.value);
    PetscCall(state.file.long_text("/options", o.name.substr(1), value));
    if (!state.common.reproducible)
      PetscCall(state.file.attribute("/options/source", o.name.substr(1), o.source));
  }
  for (const auto &[name, value] : state.options.others())
    PetscCall(state.file.long_text("/options", name.substr(1), state.shown_text(value)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

std::string Driver::State::shown_path(const std::string &path) const {
  if (common.provenance == "full")
    return path;
  const std::size_t object = path.find(":/"); // FILE.h5:/object
  const std::size_t slash = path.substr(0, object).rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string Driver::State::shown_text(const std::string &text) const {
  if (common.provenance == "full")
    return text;
  // Any word that holds an absolute or home path loses its folders.
  std::string out;
  std::string word;
  const auto flush = [&] {
    const std::size_t object = word.find(":/");
    const std::size_t first = word.find('/');
    const std::size_t last = word.substr(0, object).rfind('/');
    const bool is_path = first != std::string::npos && last != std::string::npos &&
                         (first == 0 || word[0] == '~' || word[0] == '.' || last > first ||
                          access(word.substr(0, object).c_str(), F_OK) == 0);
    out += is_path ? word.substr(last + 1) : word;
    word.clear();
  };
  for (const char c : text) {
    if (c == ' ' || c == '\'' || c == '"' || c == ',' || c == ';' || c == '=' || c == '\n' ||
        c == '(' || c == ')') {
      flush();
      out += c;
    } else {
      word += c;
    }
  }
  flush();
  return out;
}

std::string code_identity() {
  return std::string("lathe ") + LATHE_VERSION + " commit " + LATHE_BUILD_COMMIT +
         (LATHE_BUILD_DIRTY ? " with changes" : "");
}

PetscErrorCode write_skeleton(Driver::State &state, const std::string &status) {
  PetscFunctionBeginUser;
  Driver driver(state);
  ResultFile *file = nullptr;
  PetscCall(driver.file(&file));
  const auto set = [&](const char *name, const std::string &value) {
    return file->attribute("/", name, value);
  };
  const std::string source = std::string("lathe ") + LATHE_VERSION;
  PetscCall(set("Conventions", "CF-1.10"));
  PetscCall(set("title", state.about.title));
  PetscCall(set("source", source));
  PetscCall(set("references", state.about.references));
  PetscCall(set("history", state.common.reproducible ? source + " " + state.about.name
                                                     : utc(std::time(nullptr)) + " " +
                                                           state.shown_text(state.command_line)));
  PetscCall(set("lathe_schema", "1.0"));
  PetscCall(set("experiment", state.about.name));
  PetscCall(set("status", status));
  PetscCall(file->flag_attribute("/", "converged", state.converged && status == "complete"));
  if (!state.converged)
    PetscCall(set("convergence_reason", state.convergence_reason));
  if (status == "interrupted")
    PetscCall(set("interrupted_by", state.interrupt_reason));
  PetscCall(set("seed", std::to_string(state.common.seed)));
  PetscCall(file->attribute("/", "seed_value", state.common.seed));
  PetscCall(set("repro_class", state.about.repro_class));
  PetscCall(write_input(state));
  PetscCall(write_options(state));
  PetscCall(file->group("/provenance"));
  PetscCall(write_versions(*file));
  if (!state.common.reproducible) {
    PetscCall(write_circumstances(state));
    PetscCall(state.timings.write(state.comm, file));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe::driver
