#include "server/journal/posix_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <system_error>

#include "core/base/format.h"

namespace spillgate::journal {
namespace {

Code CodeOf(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return Code::kExhausted;
    case ENOENT: return Code::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS: return Code::kDenied;
    default: return Code::kUnavailable;
  }
}

Error Failed(std::string_view what, const std::string& path, int error) {
  return {CodeOf(error),
          Format("cannot {} {}: {}", what, path, std::generic_category().message(error))};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  const int fd_;
};

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  [[nodiscard]] Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
    ssize_t got = 0;
    do {
      got = pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(offset));
    } while (got < 0 && errno == EINTR);
    if (got < 0) return Failed("read", path_, errno);
    return static_cast<std::size_t>(got);
  }

  [[nodiscard]] Result<std::size_t> Write(std::uint64_t offset, ByteView bytes) override {
    ssize_t done = 0;
    do {
      done = pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    } while (done < 0 && errno == EINTR);
    if (done < 0) return Failed("write", path_, errno);
    return static_cast<std::size_t>(done);
  }

  [[nodiscard]] Status Sync() override {
    // An interrupted sync has not told whether it failed, so it counts as one that did.
    if (fdatasync(fd_.get()) != 0) return Failed("sync", path_, errno);
    return {};
  }

  [[nodiscard]] Status Allocate(std::uint64_t bytes) override {
    int error = 0;
    do {
      error = posix_fallocate(fd_.get(), 0, static_cast<off_t>(bytes));
    } while (error == EINTR);
    if (error != 0) return Failed("take the space for", path_, error);
    return {};
  }

 private:
  const Descriptor fd_;
  const std::string path_;
};

class PosixLock final : public DirLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}

 private:
  const Descriptor fd_;
};

std::string HolderOf(int fd) {
  std::array<char, 32> text{};
  const ssize_t got = pread(fd, text.data(), text.size() - 1, 0);
  const std::string_view seen(text.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  const std::string_view digits = seen.substr(0, seen.find_first_not_of("0123456789"));
  return digits.empty() ? "another process" : Format("process {}", digits);
}

}  // namespace

Status PosixFiles::MakeDir(const std::string& dir) {
  for (std::size_t end = dir.find('/', 1);; end = dir.find('/', end + 1)) {
    const std::string part = dir.substr(0, end);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return Failed("make the folder", part, errno);
    }
    if (end == std::string::npos) return {};
  }
}

Result<std::unique_ptr<DirLock>> PosixFiles::Lock(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("open", path, errno);
  auto lock = std::make_unique<PosixLock>(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Failed("lock", path, errno);
    return Error{Code::kUnavailable,
                 Format("{} is held by {}: one node at a time can use this journal; stop that one "
                        "or give this one another journal.dir",
                        path, HolderOf(fd))};
  }
  const std::string pid = Format("{}\n", getpid());
  if (ftruncate(fd, 0) != 0 ||
      pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    // The lock holds without it; only a message about it would be poorer.
    static_cast<void>(ftruncate(fd, 0) == 0);
  }
  return std::unique_ptr<DirLock>(std::move(lock));
}

Result<std::vector<std::string>> PosixFiles::List(const std::string& dir) {
  std::unique_ptr<DIR, int (*)(DIR*)> open_dir(opendir(dir.c_str()), closedir);
  if (open_dir == nullptr) return Failed("list", dir, errno);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(open_dir.get());
    if (entry == nullptr) break;
    names.emplace_back(entry->d_name);
  }
  if (errno != 0) return Failed("list", dir, errno);
  return names;
}

Result<std::unique_ptr<File>> PosixFiles::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return Failed("open", path, errno);
  return std::unique_ptr<File>(std::make_unique<PosixFile>(fd, path));
}

Result<std::unique_ptr<File>> PosixFiles::Create(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("make", path, errno);
  return std::unique_ptr<File>(std::make_unique<PosixFile>(fd, path));
}

Status PosixFiles::Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return Failed("rename", from, errno);
  return {};
}

Status PosixFiles::Remove(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return Failed("remove", path, errno);
  return {};
}

Status PosixFiles::SyncDir(const std::string& dir) {
  const Descriptor fd(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return Failed("open", dir, errno);
  if (fsync(fd.get()) != 0) return Failed("sync", dir, errno);
  return {};
}

}  // namespace spillgate::journal
