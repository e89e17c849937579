// SpillDisk: all that the object store asks of a disk, so that tests can put a slow or failing one
// in its place. For one thread. What lies there is for this process alone and is gone with it.
// SpillFile: one file without a name, so that nothing is left behind however the process ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/base/buffer.h"
#include "core/base/result.h"

namespace spillgate {

class SpillDisk {
 public:
  virtual ~SpillDisk() = default;
  // All of the bytes, or an error: kExhausted if the disk is full.
  [[nodiscard]] virtual Status Write(std::uint64_t offset, ByteView bytes) = 0;
  // Those that were written there.
  [[nodiscard]] virtual Status Read(std::uint64_t offset, std::span<std::byte> into) = 0;
  // Nobody needs them any more: the disk may have their room.
  [[nodiscard]] virtual Status Free(std::uint64_t offset, std::uint64_t bytes) = 0;
};

class SpillFile final : public SpillDisk {
 public:
  // What it leaves to others on its disk.
  struct Leaves {
    std::uint64_t bytes = 1ULL << 30;
    double part = 0.05;
  };

  // In the folder `dir`, which has to be there and may not be one in memory (tmpfs): that would
  // be no relief.
  [[nodiscard]] static Result<std::unique_ptr<SpillFile>> Make(const std::string& dir,
                                                               Leaves leaves);
  ~SpillFile() override;
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  [[nodiscard]] Status Write(std::uint64_t offset, ByteView bytes) override;
  [[nodiscard]] Status Read(std::uint64_t offset, std::span<std::byte> into) override;
  [[nodiscard]] Status Free(std::uint64_t offset, std::uint64_t bytes) override;

 private:
  SpillFile(int fd, std::string dir, Leaves leaves)
      : fd_(fd), dir_(std::move(dir)), leaves_(leaves) {}
  [[nodiscard]] Status MayTake(std::uint64_t bytes) const;

  const int fd_;
  const std::string dir_;
  const Leaves leaves_;
};

}  // namespace spillgate
