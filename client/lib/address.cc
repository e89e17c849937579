#include "client/lib/address.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "core/base/address.h"
#include "core/base/format.h"

namespace spillgate::client {
namespace {

constexpr std::string_view kUnix = "unix://";
constexpr std::string_view kTcp = "tcp://";
constexpr std::size_t kMostFile = 1 << 20;
constexpr std::string_view kSpaces = " \t\r";

Failure Invalid(std::string message) {
  return {.kind = FailureKind::kInvalid, .message = std::move(message)};
}

std::string Environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

std::string_view TakeWord(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kSpaces), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kSpaces));
  line.remove_prefix(word.size());
  return word;
}

class File {
 public:
  // Without blocking: the path may name a pipe that nobody writes to.
  explicit File(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  const int fd_;
};

Result<std::string> ReadPrivate(const std::string& path) {
  const File file(path);
  struct stat about{};
  if (file.fd() < 0 || fstat(file.fd(), &about) != 0) {
    return Invalid(Format("{}: cannot read the token: {}", path, std::strerror(errno)));
  }
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Invalid(Format("{}: others may read it, and a token is a password; chmod 600 it", path));
  }
  std::string text(kMostFile, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(file.fd(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return Invalid(Format("{}: cannot read the token: {}", path, std::strerror(errno)));
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace

std::string DefaultAddress() {
  std::string address = Environment("SPILLGATE_ADDRESS");
  if (!address.empty()) return address;
  std::string runtime_dir = Environment("XDG_RUNTIME_DIR");
  // The standard wants a relative path here to be ignored; the node does the same.
  if (!runtime_dir.starts_with('/')) runtime_dir.clear();
  return Format("{}{}", kUnix, DefaultSocket(runtime_dir, getuid()));
}

Result<Endpoint> ParseEndpoint(std::string_view address) {
  if (address.starts_with(kUnix)) {
    const std::string_view path = address.substr(kUnix.size());
    if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) {
      return Invalid(Format("address \"{}\": after unix:// comes an absolute path", address));
    }
    if (path.size() > kMostSocketPath) {
      return Invalid(
          Format("address \"{}\": the path has {} bytes, and the system takes at most "
                 "{}",
                 address, path.size(), kMostSocketPath));
    }
    return Endpoint{.is_unix = true, .path = std::string(path), .host = {}, .port = 0};
  }
  if (address.starts_with(kTcp)) {
    const auto parsed = ParseAddress(address.substr(kTcp.size()));
    if (parsed.has_value() && parsed->port != 0) {
      return Endpoint{.is_unix = false, .path = {}, .host = parsed->host, .port = parsed->port};
    }
  }
  return Invalid(Format("address \"{}\": expected unix:///path or tcp://host:port", address));
}

std::string ToString(const Endpoint& endpoint) {
  if (endpoint.is_unix) return Format("{}{}", kUnix, endpoint.path);
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  return v6 ? Format("{}[{}]:{}", kTcp, endpoint.host, endpoint.port)
            : Format("{}{}:{}", kTcp, endpoint.host, endpoint.port);
}

Result<Credentials> ReadToken(const std::string& path, std::string_view name) {
  Result<std::string> text = ReadPrivate(path);
  if (!text.ok()) return text.error();
  std::string_view rest = text.value();
  Result<Credentials> found =
      Invalid(name.empty() ? Format("{}: no line NAME TOKEN in it", path)
                           : Format("{}: no line \"{} TOKEN\" in it", path, name));
  while (!rest.empty() && !found.ok()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::string_view who = TakeWord(line);
    if (who.empty() || who.starts_with('#') || (!name.empty() && who != name)) continue;
    const std::string_view token = TakeWord(line);
    if (token.empty()) continue;
    found = Credentials{std::string(who), wire::Secret(std::string(token))};
  }
  wire::Wipe(text.value());
  return found;
}

}  // namespace spillgate::client
