#include "client/cli/arguments.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "client/cli/objects.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

constexpr std::size_t kMost = 1U << 30;  // bytes: more than any node takes
constexpr std::size_t kPiece = 1U << 16;

Error Unreadable(const std::string& name) {
  return {Code::kInvalid, Format("{}: cannot read the argument: {}", name, std::strerror(errno))};
}

Result<std::string> ReadAll(int fd, const std::string& name) {
  std::string bytes;
  for (;;) {
    const std::size_t size = bytes.size();
    bytes.resize(size + kPiece);
    const ssize_t got = read(fd, bytes.data() + size, kPiece);
    if (got < 0 && errno != EINTR) return Unreadable(name);
    bytes.resize(size + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got == 0) return bytes;
    if (bytes.size() > kMost) {
      return Error{Code::kInvalid, Format("{}: more than 1 GiB, and no node takes that", name)};
    }
  }
}

Result<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Unreadable(path);
  Result<std::string> bytes = ReadAll(fd, path);
  close(fd);
  return bytes;
}

Result<std::string> ReadSource(const std::string& text, int stdin_fd, bool& stdin_used) {
  if (text == "-") {
    if (stdin_used) return Error{Code::kInvalid, "only one argument can be read from stdin"};
    stdin_used = true;
    return ReadAll(stdin_fd, "stdin");
  }
  return text.starts_with('@') ? ReadFile(text.substr(1)) : text;
}

}  // namespace

Result<LoadedArguments> LoadedArguments::Load(std::span<const ArgumentText> texts, int stdin_fd) {
  LoadedArguments loaded;
  bool stdin_used = false;
  for (const ArgumentText& argument : texts) {
    Argument& into = loaded.arguments_.emplace_back();
    if (argument.kind == ArgumentText::Kind::kObject) {
      const auto object = ParseObject(argument.text);
      if (!object.has_value()) {
        return Error{
            Code::kInvalid,
            Format("--future \"{}\" is no id; ids are printed by spillgate submit", argument.text)};
      }
      into.object = *object;
      into.is_object = true;
    } else if (argument.kind == ArgumentText::Kind::kText) {
      into.bytes = argument.text;
    } else {
      Result<std::string> bytes = ReadSource(argument.text, stdin_fd, stdin_used);
      if (!bytes.ok()) return bytes.error();
      into.bytes = std::move(bytes).value();
    }
  }
  return loaded;
}

std::vector<client::Arg> LoadedArguments::View() const {
  std::vector<client::Arg> args;
  args.reserve(arguments_.size());
  for (const Argument& argument : arguments_) {
    args.push_back(argument.is_object ? client::Arg(argument.object)
                                      : client::Arg(std::string_view(argument.bytes)));
  }
  return args;
}

}  // namespace spillgate::cli
