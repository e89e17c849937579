#include "server/exec/function_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/base/format.h"
#include "core/base/json.h"
#include "schema/messages.h"
#include "schema/text.h"

namespace spillgate {
namespace {

constexpr std::size_t kMostInLibrary = 10'000;
constexpr std::int64_t kOneCpu = 1000;  // thousandths

Error Bad(const std::string& path, std::string_view what) {
  return {Code::kInvalid, Format("{}: {}", path.empty() ? "the built-in library" : path, what)};
}

Host HostOf(std::uint32_t hint, bool in_process) {
  if (!in_process || hint > SG_HOST_WORKER) return Host::kWorker;
  return static_cast<Host>(hint);
}

// Adds a function, unless it is no good: then what is wrong with it.
std::string Add(FunctionLibrary& library, std::string name, const sg_function* native, Host host,
                std::uint32_t slot_limit) {
  constexpr std::size_t kShown = 64;
  if (name.empty() || name.size() > wire::kMostName || !wire::IsName(name)) {
    return Format("function {} has no name, or one that is too long or not UTF-8: \"{}\"",
                  library.functions.size(),
                  wire::Readable(std::string_view(name).substr(0, kShown)));
  }
  for (const auto& entry : library.entries) {
    if (entry->name == name) return Format("it has two functions \"{}\"", name);
  }
  Function function;
  function.name = name;
  function.host = host;
  function.slot_limit = slot_limit;
  if (host != Host::kInline) function.shape.amount[kCpu] = kOneCpu;
  library.entries.push_back(std::make_unique<const FunctionEntry>(
      FunctionEntry{.native = native, .name = std::move(name), .library = library.path}));
  function.entry = library.entries.back().get();
  library.functions.push_back(std::move(function));
  return {};
}

// Of a JSON object, or what stands in for it when it is absent or of another type.
std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}
std::uint32_t NumberOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint32_t>() : 0;
}

constexpr std::string_view kHostNames[] = {"inline", "thread", "worker"};

}  // namespace

Result<FunctionLibrary> FromTable(const sg_library& table, std::string path) {
  if (table.abi_version != SG_ABI_VERSION) {
    return Bad(path, Format("built for version {} of the SDK, this node has {}; build it again",
                            table.abi_version, SG_ABI_VERSION));
  }
  const bool sound = table.function_size >= sizeof(sg_function) && table.functions != nullptr &&
                     table.function_count > 0 && table.function_count <= kMostInLibrary;
  if (!sound) return Bad(path, "its table names no functions, or too many");
  FunctionLibrary library;
  library.name = table.name == nullptr ? "" : table.name;
  library.path = std::move(path);
  const auto* bytes = reinterpret_cast<const std::byte*>(table.functions);
  for (std::size_t i = 0; i < table.function_count; ++i) {
    // A library may have been built against a later, larger entry.
    const auto& native = *reinterpret_cast<const sg_function*>(bytes + i * table.function_size);
    if (native.call == nullptr) return Bad(library.path, Format("function {} has no code", i));
    const std::string problem = Add(library, native.name == nullptr ? "" : native.name, &native,
                                    HostOf(native.host, true), native.slot_limit);
    if (!problem.empty()) return Bad(library.path, problem);
  }
  return library;
}

Result<const sg_library*> OpenTable(const std::string& path) {
  void* loaded = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (loaded == nullptr) {
    return Error{Code::kInvalid, Format("cannot load the library: {}", dlerror())};
  }
  const void* table = dlsym(loaded, "spillgate_library");
  if (table == nullptr) {
    return Bad(path, "it exports no spillgate_library; end it with SPILLGATE_LIBRARY(…)");
  }
  return static_cast<const sg_library*>(table);
}

Result<FunctionLibrary> LoadLibrary(const std::string& path) {
  const Result<const sg_library*> table = OpenTable(path);
  if (!table.ok()) return table.error();
  return FromTable(*table.value(), path);
}

std::string Describe(const FunctionLibrary& library) {
  Json functions = Json::array();
  for (const Function& function : library.functions) {
    functions.push_back({{"name", function.name},
                         {"host", kHostNames[static_cast<std::size_t>(function.host)]},
                         {"slot_limit", function.slot_limit}});
  }
  const Json all{{"library", wire::Readable(library.name)}, {"functions", std::move(functions)}};
  return all.dump();
}

Result<FunctionLibrary> FromDescription(std::string_view json, std::string path) {
  const Json all = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!all.is_object() || !all.contains("functions") || !all["functions"].is_array() ||
      all["functions"].size() > kMostInLibrary) {
    return Bad(path, "its description is not one");
  }
  FunctionLibrary library;
  library.name = TextOf(all, "library");
  library.path = std::move(path);
  for (const Json& function : all["functions"]) {
    const std::string problem = Add(library, TextOf(function, "name"), nullptr, Host::kWorker,
                                    NumberOf(function, "slot_limit"));
    if (!problem.empty()) return Bad(library.path, problem);
  }
  return library;
}

}  // namespace spillgate
