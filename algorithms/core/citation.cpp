// SPDX-License-Identifier: BSD-2-Clause
#include "core/citation.h"
#include "references.h" // made from references.bib by CMake
#include <algorithm>
#include <map>
#include <string>

namespace lathe {
namespace {

struct Entry {
  std::string text;
  PetscBool cited = PETSC_FALSE; // PetscCitationsRegister sets it, and ignores a second call
};

// "@type{key, … }" begins a line, and reaches to the next such line.
std::map<std::string, Entry, std::less<>> parse(std::string_view bib) {
  std::map<std::string, Entry, std::less<>> entries;
  std::size_t at = bib.find("\n@");
  while (at != std::string_view::npos) {
    const std::size_t next = bib.find("\n@", at + 1);
    const std::string_view text = bib.substr(at + 1, next - at - 1);
    const std::size_t brace = text.find('{');
    const std::string_view key = text.substr(brace + 1, text.find(',') - brace - 1);
    entries[std::string(key)].text = text.substr(0, text.rfind('}') + 1);
    entries[std::string(key)].text += "\n";
    at = next;
  }
  return entries;
}

} // namespace

PetscErrorCode Cite(std::string_view keys) {
  static auto entries = parse(references_bib);
  PetscFunctionBegin;
  while (!keys.empty()) {
    const std::string_view key = keys.substr(0, keys.find(' '));
    keys.remove_prefix(std::min(keys.size(), key.size() + 1));
    const auto entry = entries.find(key);
    PetscCheck(entry != entries.end(), PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG,
               "references.bib has no entry %.*s", static_cast<int>(key.size()), key.data());
    PetscCall(PetscCitationsRegister(entry->second.text.c_str(), &entry->second.cited));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace lathe
