#include "server/journal/segment_store.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "core/base/format.h"
#include "core/base/log.h"

namespace spillgate::journal {
namespace {

constexpr std::string_view kSuffix = ".segment";
constexpr std::string_view kUnfinished = ".new";
constexpr std::size_t kSlice = 256 << 10;   // about a millisecond with its sync
constexpr std::size_t kKeptBeyondNeed = 2;  // spare files that are not removed
constexpr Nanos kFirstBackoff = std::chrono::milliseconds(50);
constexpr Nanos kMostBackoff = std::chrono::seconds(1);

}  // namespace

std::string SegmentName(FileNumber number) {
  return Format("{:08}{}", number, kSuffix);
}

std::optional<FileNumber> NumberOf(const std::string& name) {
  FileNumber number = 0;
  const char* end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data(), end, number);
  const bool ours = parsed.ec == std::errc() && name == SegmentName(number);
  return ours ? std::optional(number) : std::nullopt;
}

bool IsUnfinished(const std::string& name) {
  return name.ends_with(kUnfinished) &&
         NumberOf(name.substr(0, name.size() - kUnfinished.size())).has_value();
}

SegmentStore::SegmentStore(Files& files, Options options, std::vector<Spare> spares,
                           FileNumber next)
    : files_(files), options_(std::move(options)), spares_(std::move(spares)), next_(next) {}

std::string SegmentStore::PathOf(FileNumber number) const {
  return Format("{}/{}", options_.dir, SegmentName(number));
}

Result<OpenSpare> SegmentStore::Take() {
  if (NeedsFile()) {
    Result<OpenSpare> made = Make();
    Note(made.ok() ? Status() : made.error());
    if (made.ok()) return made;
  }
  // Filled ones first. What cannot be opened is not taken, and not forgotten either: it may be
  // there again when the disk is.
  std::partition(spares_.begin(), spares_.end(), [](const Spare& s) { return s.filled; });
  for (std::size_t i = 0; i < spares_.size(); ++i) {
    const Spare spare = spares_[i];
    Result<std::unique_ptr<File>> file = files_.Open(PathOf(spare.number));
    if (!file.ok()) {
      why_ = file.error().message;
      continue;
    }
    spares_.erase(spares_.begin() + static_cast<std::ptrdiff_t>(i));
    if (filling_number_ == spare.number) filling_.reset();
    return OpenSpare{spare, std::move(file).value()};
  }
  return Error{Code::kExhausted, why_.empty() ? "there is no file to write to" : why_};
}

void SegmentStore::GiveBack(Spare spare) {
  if (spares_.size() < options_.reserve + 1U + kKeptBeyondNeed) {
    spares_.push_back(spare);
    return;
  }
  Discard(spare.number);
}

void SegmentStore::Discard(FileNumber number) {
  if (const Status removed = files_.Remove(PathOf(number)); !removed.ok()) {
    log::Warn("journal", removed.error().message);
  }
}

Instant SegmentStore::Prepare(Instant now) {
  if (now < retry_at_) return retry_at_;
  if (NeedsFile()) {
    Result<OpenSpare> made = Make();
    if (made.ok()) spares_.push_back(made.value().spare);
    Note(made.ok() ? Status() : made.error());
  } else if (std::any_of(spares_.begin(), spares_.end(),
                         [](const Spare& s) { return !s.filled; })) {
    Note(FillSlice());
  } else {
    return kNever;
  }
  if (why_.empty()) return now;
  retry_at_ = After(now, backoff_);
  return retry_at_;
}

void SegmentStore::Note(const Status& status) {
  if (status.ok()) {
    if (!why_.empty()) log::Info("journal", "files can be made again");
    why_.clear();
    backoff_ = Nanos(0);
    return;
  }
  if (why_ != status.error().message) log::Warn("journal", status.error().message);
  why_ = status.error().message;
  backoff_ = std::clamp(2 * backoff_, kFirstBackoff, kMostBackoff);
}

Result<OpenSpare> SegmentStore::Make() {
  const FileNumber number = next_;
  const std::string path = PathOf(number);
  const std::string unfinished = path + std::string(kUnfinished);
  Result<std::unique_ptr<File>> file = MakeAs(unfinished);
  Status status = file.ok() ? files_.Rename(unfinished, path) : file.error();
  if (!status.ok()) {
    // Space that a failed attempt took would be missing for the next.
    static_cast<void>(files_.Remove(unfinished).ok());
    return status.error();
  }
  ++next_;  // even if the next step fails: the name is taken
  if (status = files_.SyncDir(options_.dir); !status.ok()) {
    Discard(number);
    return status.error();
  }
  return OpenSpare{{.number = number, .filled = false}, std::move(file).value()};
}

Result<std::unique_ptr<File>> SegmentStore::MakeAs(const std::string& path) {
  Result<std::unique_ptr<File>> file = files_.Create(path);
  if (!file.ok()) return file;
  Status status = file.value()->Allocate(options_.segment_bytes);
  if (status.ok()) status = WriteHeader(*file.value(), false);
  if (status.ok()) status = file.value()->Sync();
  if (!status.ok()) return status.error();
  return file;
}

Status SegmentStore::WriteHeader(File& file, bool filled) const {
  SegmentHeader header;
  header.bytes = options_.segment_bytes;
  header.filled = filled ? 1 : 0;
  Seal(header);
  return WriteAll(file, 0, std::as_bytes(std::span(&header, 1)));
}

Status SegmentStore::FillSlice() {
  const auto spare =
      std::find_if(spares_.begin(), spares_.end(), [](const Spare& s) { return !s.filled; });
  if (filling_ == nullptr || filling_number_ != spare->number) {
    Result<std::unique_ptr<File>> file = files_.Open(PathOf(spare->number));
    if (!file.ok()) return file.error();
    filling_ = std::move(file).value();
    filling_number_ = spare->number;
    filled_to_ = kPage;
  }
  static const std::vector<std::byte> zeros(kSlice);
  const std::uint64_t size = std::min<std::uint64_t>(kSlice, options_.segment_bytes - filled_to_);
  Status status = WriteAll(*filling_, filled_to_, std::span(zeros).first(size));
  // Each slice is synced by itself: a sync of the log never waits for more than one of them.
  if (status.ok()) status = filling_->Sync();
  filled_to_ += size;
  if (status.ok() && filled_to_ == options_.segment_bytes) {
    status = WriteHeader(*filling_, true);
    if (status.ok()) status = filling_->Sync();
    if (status.ok()) spare->filled = true;
    filling_.reset();
  }
  if (status.ok()) return {};
  // Whatever it was, this file is not to be trusted.
  filling_.reset();
  const FileNumber failed = spare->number;
  spares_.erase(spare);
  Discard(failed);
  return status;
}

}  // namespace spillgate::journal
