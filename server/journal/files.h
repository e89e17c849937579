// Files: all that the journal asks of a disk, so that tests can put a failing one in its place.
// File is one open file, for one thread. Errors say what failed on which path; kExhausted is a full
// disk. PosixFiles (posix_files.h) is the real one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/buffer.h"
#include "core/base/result.h"

namespace spillgate::journal {

class File {
 public:
  virtual ~File() = default;
  // Both may do less than was asked. Reading nothing means that the file ends.
  [[nodiscard]] virtual Result<std::size_t> Read(std::uint64_t offset,
                                                 std::span<std::byte> into) = 0;
  [[nodiscard]] virtual Result<std::size_t> Write(std::uint64_t offset, ByteView bytes) = 0;
  // What was written is on the disk. After a failure this file may never say so again: the system
  // has forgotten which pages it failed to write.
  [[nodiscard]] virtual Status Sync() = 0;
  // Takes the space for this many bytes; what was not written reads as zeros.
  [[nodiscard]] virtual Status Allocate(std::uint64_t bytes) = 0;
};

// Held until destroyed, or until the process dies.
class DirLock {
 public:
  virtual ~DirLock() = default;
};

class Files {
 public:
  virtual ~Files() = default;
  [[nodiscard]] virtual Status MakeDir(const std::string& dir) = 0;  // and its parents
  [[nodiscard]] virtual Result<std::unique_ptr<DirLock>> Lock(const std::string& path) = 0;
  [[nodiscard]] virtual Result<std::vector<std::string>> List(const std::string& dir) = 0;
  // An existing file; one that is made new, and empty if it was there.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> Open(const std::string& path) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<File>> Create(const std::string& path) = 0;
  [[nodiscard]] virtual Status Rename(const std::string& from, const std::string& to) = 0;
  [[nodiscard]] virtual Status Remove(const std::string& path) = 0;
  // Names in it that were made, changed or removed are so on the disk.
  [[nodiscard]] virtual Status SyncDir(const std::string& dir) = 0;
};

// All of it, by as many calls as it takes.
[[nodiscard]] Status WriteAll(File& file, std::uint64_t offset, ByteView bytes);
// As much as there is; less than asked only at the end of the file.
[[nodiscard]] Result<std::size_t> ReadAll(File& file, std::uint64_t offset,
                                          std::span<std::byte> into);

}  // namespace spillgate::journal
