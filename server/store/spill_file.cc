#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/format.h"
#include "server/store/spill_disk.h"

namespace spillgate {
namespace {

Error Failed(std::string_view what, const std::string& dir, int error) {
  const bool is_full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return {is_full ? Code::kExhausted : Code::kUnavailable,
          Format("cannot {} the file of spilled objects in {}: {}", what, dir,
                 std::generic_category().message(error))};
}

int OpenNameless(const std::string& dir) {
  const int fd = open(dir.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
  std::string path = dir + "/spill.XXXXXX";  // where a file cannot be made without a name
  const int named = mkostemp(path.data(), O_CLOEXEC);
  if (named >= 0) unlink(path.c_str());
  return named;
}

}  // namespace

Result<std::unique_ptr<SpillFile>> SpillFile::Make(const std::string& dir, Leaves leaves) {
  const int fd = OpenNameless(dir);
  if (fd < 0) return Failed("make", dir, errno);
  struct statfs of = {};
  if (fstatfs(fd, &of) == 0 && (of.f_type == TMPFS_MAGIC || of.f_type == RAMFS_MAGIC)) {
    close(fd);
    return Error{Code::kInvalid,
                 Format("{} lies in memory, so that nothing would be won by spilling objects to "
                        "it: set store.spill_dir to a folder on a disk",
                        dir)};
  }
  // tidy: new: nobody else may make one, and so std::make_unique may not
  return std::unique_ptr<SpillFile>(new SpillFile(fd, dir, leaves));
}

SpillFile::~SpillFile() {
  close(fd_);
}

Status SpillFile::MayTake(std::uint64_t bytes) const {
  struct statvfs of = {};
  if (fstatvfs(fd_, &of) != 0) return {};
  const std::uint64_t free = std::uint64_t{of.f_bavail} * of.f_frsize;
  const double all = static_cast<double>(of.f_blocks) * static_cast<double>(of.f_frsize);
  const std::uint64_t leave =
      std::max(leaves_.bytes, static_cast<std::uint64_t>(leaves_.part * all));
  if (free >= leave + bytes) return {};
  return Error{Code::kExhausted,
               Format("the disk of {} has {} bytes free, of which {} are left to others: make room "
                      "there, or set store.spill_dir to another",
                      dir_, free, leave)};
}

Status SpillFile::Write(std::uint64_t offset, ByteView bytes) {
  if (Status may = MayTake(bytes.size()); !may.ok()) return may;
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t more =
        pwrite(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (more < 0 && errno != EINTR) return Failed("write", dir_, errno);
    if (more > 0) done += static_cast<std::size_t>(more);
  }
  // Or it would lie in memory once more until somebody else is short of that.
  (void)sync_file_range(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes.size()),
                        SYNC_FILE_RANGE_WRITE);
  return {};
}

Status SpillFile::Read(std::uint64_t offset, std::span<std::byte> into) {
  for (std::size_t done = 0; done < into.size();) {
    const ssize_t more =
        pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (more < 0 && errno != EINTR) return Failed("read", dir_, errno);
    if (more == 0) {
      return Error{Code::kCorrupt, Format("the file of spilled objects in {} ends early", dir_)};
    }
    if (more > 0) done += static_cast<std::size_t>(more);
  }
  return {};
}

Status SpillFile::Free(std::uint64_t offset, std::uint64_t bytes) {
  const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  int done = 0;
  do {
    done = fallocate(fd_, mode, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  } while (done != 0 && errno == EINTR);
  // Without holes the room is used again by what comes next.
  if (done == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return {};
  return Failed("free a part of", dir_, errno);
}

}  // namespace spillgate
