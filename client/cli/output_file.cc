#include "client/cli/output_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "client/cli/exits.h"
#include "core/base/format.h"

namespace spillgate::cli {

int WriteFile(const std::string& path, ByteView bytes, Console& console) {
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  bool good = file != nullptr;
  if (good) {
    good = bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
    const int error = errno;
    const bool closed = std::fclose(file) == 0;
    if (!good) errno = error;
    good = good && closed;
  }
  if (good) return kOk;
  return console.Fail(kFailed,
                      Format("{}: cannot write the value: {}", path, std::strerror(errno)));
}

}  // namespace spillgate::cli
