// A disk that stops: put before a node by LD_PRELOAD. While the file $SPILLGATE_TEST_STOP exists,
// writes to files in the folder $SPILLGATE_TEST_DISK, and syncs of them, do not end.
#include <dlfcn.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

namespace {

bool IsOnDisk(int fd) {
  const char* folder = std::getenv("SPILLGATE_TEST_DISK");
  if (folder == nullptr) return false;
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path.data(), path.size());
  return size > 0 &&
         std::string_view(path.data(), static_cast<std::size_t>(size)).starts_with(folder);
}

void WaitForDisk(int fd) {
  const char* stop = std::getenv("SPILLGATE_TEST_STOP");
  if (stop == nullptr || !IsOnDisk(fd)) return;
  const timespec pause{0, 1'000'000};
  // tidy: sleep: nobody tells a process when a file is gone
  while (access(stop, F_OK) == 0) nanosleep(&pause, nullptr);
}

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

ssize_t Write(const char* name, int fd, const void* bytes, std::size_t size, off_t offset) {
  WaitForDisk(fd);
  return Real<ssize_t(int, const void*, std::size_t, off_t)>(name)(fd, bytes, size, offset);
}

int Sync(const char* name, int fd) {
  WaitForDisk(fd);
  return Real<int(int)>(name)(fd);
}

}  // namespace

extern "C" {

ssize_t pwrite(int fd, const void* bytes, std::size_t size, off_t offset) {
  return Write("pwrite", fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void* bytes, std::size_t size, off_t offset) {
  return Write("pwrite64", fd, bytes, size, offset);
}

int fdatasync(int fd) {
  return Sync("fdatasync", fd);
}

int fsync(int fd) {
  return Sync("fsync", fd);
}

}  // extern "C"
