#include "config/tokens.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "config/sections.h"
#include "core/base/format.h"

namespace spillgate::config {
namespace {

constexpr std::size_t kMostFile = 1 << 20;
constexpr std::size_t kLeastSecret = 22;  // 128 bits in base64
constexpr std::size_t kMostSecret = 256;

constexpr std::string_view kSpaces = " \t\r";

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

Error Refused(std::string_view file_name, std::size_t line, std::string_view why) {
  return {Code::kInvalid, Format("{}:{}: error: {}", file_name, line, why)};
}

Error CannotRead(const std::string& path, int error) {
  return {error == ENOENT ? Code::kNotFound : Code::kUnavailable,
          Format("{}: error: cannot read the tokens: {}", path, std::strerror(error))};
}

Result<std::string> ReadAll(const File& file, const std::string& path) {
  std::string text(kMostFile + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(file.fd(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotRead(path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMostFile) {
    return Error{Code::kInvalid, Format("{}: error: more than {} bytes", path, kMostFile)};
  }
  text.resize(size);
  return text;
}

}  // namespace

Result<std::vector<Token>> ParseTokens(std::string_view text, std::string_view file_name) {
  std::vector<Token> tokens;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::string_view name = TakeWord(line);
    if (name.empty() || name.starts_with('#')) continue;
    const std::string_view secret = TakeWord(line);
    if (!TakeWord(line).empty()) return Refused(file_name, number, "expected NAME TOKEN");
    if (!IsName(name)) {
      return Refused(file_name, number, "a name is 1 to 128 letters, digits and . _ - : /");
    }
    if (secret.size() < kLeastSecret || secret.size() > kMostSecret) {
      return Refused(file_name, number,
                     Format("a token has {} to {} letters; make one with: openssl rand -base64 24",
                            kLeastSecret, kMostSecret));
    }
    const bool again = std::any_of(tokens.begin(), tokens.end(),
                                   [&](const Token& token) { return token.name == name; });
    if (again) return Refused(file_name, number, Format("a second token for '{}'", name));
    tokens.push_back({std::string(name), std::string(secret)});
  }
  if (tokens.empty()) return Refused(file_name, 1, "there is no token in this file");
  return tokens;
}

Result<std::vector<Token>> LoadTokens(const std::string& path) {
  const File file(path);
  struct stat status{};
  if (file.fd() < 0 || fstat(file.fd(), &status) != 0) return CannotRead(path, errno);
  if (!S_ISREG(status.st_mode)) {
    return Error{Code::kInvalid, Format("{}: error: not a regular file", path)};
  }
  if ((status.st_mode & 077) != 0) {
    return Error{Code::kDenied,
                 Format("{}: error: mode {:04o} lets others at the tokens; run: chmod 600 {}", path,
                        status.st_mode & 07777, path)};
  }
  const Result<std::string> text = ReadAll(file, path);
  if (!text.ok()) return text.error();
  return ParseTokens(text.value(), path);
}

}  // namespace spillgate::config
