#include "server/store/arena.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include "core/base/format.h"

namespace spillgate {
namespace {

Error Failed(std::string_view what, std::uint64_t bytes, int error) {
  const bool is_full = error == ENOSPC || error == ENOMEM;
  return {is_full ? Code::kExhausted : Code::kUnavailable,
          Format("cannot {} {} bytes of shared memory for objects: {}{}", what, bytes,
                 std::generic_category().message(error),
                 is_full ? "; set store.bytes to what this machine or container has" : "")};
}

}  // namespace

Result<std::unique_ptr<Arena>> Arena::Make(std::uint64_t bytes) {
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  bytes = (bytes + page - 1) / page * page;
  // tidy: new: nobody else may make one, and so std::make_unique may not
  std::unique_ptr<Arena> arena(new Arena);
  const int fd = arena->fd_ = memfd_create("spillgate-objects", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return Failed("make", bytes, errno);
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) return Failed("size", bytes, errno);
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return Failed("seal", bytes, errno);
  }
  const std::string self = Format("/proc/self/fd/{}", fd);
  arena->read_only_fd_ = open(self.c_str(), O_RDONLY | O_CLOEXEC);
  if (arena->read_only_fd_ < 0) return Failed("open for reading", bytes, errno);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return Failed("map", bytes, errno);
  arena->bytes_ = {static_cast<std::byte*>(memory), bytes};
  return arena;
}

Arena::~Arena() {
  if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
  if (read_only_fd_ >= 0) close(read_only_fd_);
  if (fd_ >= 0) close(fd_);
}

Status Arena::Populate(std::uint64_t offset, std::uint64_t bytes) {
  int done = 0;
  do {
    done = fallocate(fd_, 0, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  } while (done != 0 && errno == EINTR);
  if (done != 0) return Failed("take", bytes, errno);
#ifdef MADV_POPULATE_WRITE
  // For this process's own mapping; a kernel that cannot leaves it to the first touch.
  (void)madvise(bytes_.data() + offset, bytes, MADV_POPULATE_WRITE);
#endif
  return {};
}

}  // namespace spillgate
