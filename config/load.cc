#include "config/load.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "config/check.h"
#include "config/document.h"
#include "core/base/format.h"

namespace spillgate::config {
namespace {

Error CannotRead(const std::string& path, int error) {
  const Code code = error == ENOENT ? Code::kNotFound : Code::kUnavailable;
  return {code, Format("{}: error: cannot read the configuration: {}", path, std::strerror(error))};
}

Result<std::string> ReadFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  if (!file) return CannotRead(path, errno);
  // One byte past the limit is enough for the parser to see that the file is too large.
  std::string text(kMostFileBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return CannotRead(path, errno);
  return text;
}

}  // namespace

Result<Loaded> Load(const std::string& path, const Overrides& overrides) {
  if (path.empty()) return Parse("", "", overrides);
  const Result<std::string> text = ReadFile(path);
  if (!text.ok()) return text.error();
  return Parse(text.value(), path, overrides);
}

Result<Loaded> Parse(std::string_view text, std::string_view file_name,
                     const Overrides& overrides) {
  const Result<Node> tree = ParseDocument(text, file_name);
  if (!tree.ok()) return tree.error();
  Loaded loaded;
  Problems problems;
  Apply(tree.value(), {Source::kFile, std::string(file_name), {}}, loaded, problems);
  ApplyOverrides(overrides, loaded, problems);
  Check(loaded, problems);
  if (!problems.empty()) return problems.ToError();
  return loaded;
}

}  // namespace spillgate::config
