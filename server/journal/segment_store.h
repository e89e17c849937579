// SegmentStore: the files that segments are made of, and the spare ones. A file is taken for a
// segment, comes back when nothing in it is needed any more, and is used again. Beside the one that
// will be needed next it keeps a reserve, which is touched only when no file can be made: so a full
// disk still takes the completions of what was accepted. Files are made complete under another name
// and renamed, and spare ones are written once, in slices between the log's own writes, because a
// sync of fresh space takes twice as long. The journal's thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "server/journal/files.h"
#include "server/journal/format.h"

namespace spillgate::journal {

using FileNumber = std::uint32_t;

[[nodiscard]] std::string SegmentName(FileNumber number);
// The number in such a name; nothing for any other.
[[nodiscard]] std::optional<FileNumber> NumberOf(const std::string& name);
// Of a file that is being made, left behind if the process dies meanwhile.
[[nodiscard]] bool IsUnfinished(const std::string& name);

struct Spare {
  FileNumber number = 0;
  bool filled = false;  // written to its end once
};

struct OpenSpare {
  Spare spare;
  std::unique_ptr<File> file;
};

class SegmentStore {
 public:
  struct Options {
    std::string dir;
    std::uint64_t segment_bytes = 0;
    std::uint32_t reserve = 0;  // files
  };

  SegmentStore(Files& files, Options options, std::vector<Spare> spares, FileNumber next);

  // A file for the next segment.
  [[nodiscard]] Result<OpenSpare> Take();
  void GiveBack(Spare spare);       // nothing in it is needed any more
  void Discard(FileNumber number);  // the disk failed under it

  // One slice of work towards enough spare files, if it is time for one; answers when it is again.
  Instant Prepare(Instant now);

  [[nodiscard]] bool NeedsFile() const { return spares_.size() < options_.reserve + 1U; }
  // No file could be made when last tried, and what is left is the reserve; why() says why.
  [[nodiscard]] bool OnReserve() const {
    return !why_.empty() && spares_.size() <= options_.reserve;
  }
  // And some of that is used already.
  [[nodiscard]] bool IntoReserve() const {
    return OnReserve() && spares_.size() < options_.reserve;
  }
  [[nodiscard]] const std::string& why() const { return why_; }
  [[nodiscard]] std::size_t spares() const { return spares_.size(); }
  [[nodiscard]] std::uint64_t segment_bytes() const { return options_.segment_bytes; }
  [[nodiscard]] std::string PathOf(FileNumber number) const;

 private:
  [[nodiscard]] Result<OpenSpare> Make();
  [[nodiscard]] Result<std::unique_ptr<File>> MakeAs(const std::string& path);
  [[nodiscard]] Status WriteHeader(File& file, bool filled) const;
  [[nodiscard]] Status FillSlice();
  void Note(const Status& status);

  Files& files_;
  const Options options_;
  std::vector<Spare> spares_;
  FileNumber next_;
  std::string why_;  // the last attempt to make a file failed
  Nanos backoff_{0};
  Instant retry_at_{};

  std::unique_ptr<File> filling_;  // the spare file that is being written
  FileNumber filling_number_ = 0;
  std::uint64_t filled_to_ = 0;
};

}  // namespace spillgate::journal
