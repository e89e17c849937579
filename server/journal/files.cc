#include "server/journal/files.h"

namespace spillgate::journal {

Status WriteAll(File& file, std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const Result<std::size_t> written = file.Write(offset, bytes);
    if (!written.ok()) return written.error();
    if (written.value() == 0) return Error{Code::kUnavailable, "the disk takes no more bytes"};
    offset += written.value();
    bytes = bytes.subspan(written.value());
  }
  return {};
}

Result<std::size_t> ReadAll(File& file, std::uint64_t offset, std::span<std::byte> into) {
  std::size_t total = 0;
  while (total < into.size()) {
    const Result<std::size_t> got = file.Read(offset + total, into.subspan(total));
    if (!got.ok()) return got;
    if (got.value() == 0) break;
    total += got.value();
  }
  return total;
}

}  // namespace spillgate::journal
