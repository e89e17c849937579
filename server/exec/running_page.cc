#include "server/exec/running_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/format.h"
#include "core/base/log.h"
#include "server/exec/spawn.h"

namespace spillgate {
namespace {

constexpr std::uint64_t kFormat = 0x31'65'67'61'70'67'73ULL;  // "sgpage1"

Error Failed(std::string_view what, const std::string& path, int error) {
  return {Code::kUnavailable,
          Format("cannot {} {}: {}", what, path, std::generic_category().message(error))};
}

}  // namespace

Result<std::unique_ptr<RunningPage>> RunningPage::Open(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0) return Failed("open", path, errno);
  struct stat now = {};
  if (fstat(file.get(), &now) != 0) return Failed("look at", path, errno);
  const bool is_new = now.st_size == 0;
  if (ftruncate(file.get(), kBytes) != 0) return Failed("resize", path, errno);
  // A store into a page that the disk has no room for would end the process.
  if (const int error = posix_fallocate(file.get(), 0, kBytes); error != 0) {
    return Failed("allocate", path, error);
  }
  void* memory =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file.get(), 0);
  if (memory == MAP_FAILED) return Failed("map", path, errno);
  // tidy: new: nobody else may make one, and so std::make_unique may not
  std::unique_ptr<RunningPage> page(new RunningPage(static_cast<File*>(memory)));
  page->TakeOver(path, is_new);
  return page;
}

RunningPage::~RunningPage() {
  munmap(file_, kBytes);
}

// Counts what the process before this one ran, and keeps it with what was known already: the newest
// first, as many as there is room for.
void RunningPage::TakeOver(const std::string& path, bool is_new) {
  const bool sound = file_->head.format == kFormat && file_->head.bytes == kBytes;
  if (!sound && !is_new) {
    log::Warn("exec", Format("{} is damaged, or of another version; what ran when the node ended "
                             "may run on its threads again",
                             path));
  }
  std::vector<std::pair<TaskId, std::uint64_t>> found;
  if (sound) {
    for (const Line& line : file_->running) {
      if (line.count != 0) found.push_back({{line.session, line.seq}, 1});
    }
    for (const Line& line : file_->died) {
      if (line.count != 0) found.push_back({{line.session, line.seq}, line.count});
    }
  }
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint8_t>::max();
  std::vector<TaskId> kept;
  for (const auto& [task, count] : found) {
    const std::uint64_t before = DeathsOf(task);
    if (before == 0 && kept.size() == kMostDeaths) continue;
    if (before == 0) kept.push_back(task);
    deaths_[task] = static_cast<std::uint8_t>(std::min(kMost, before + std::min(kMost, count)));
  }
  for (std::size_t i = 0; i < kMostDeaths; ++i) {
    const bool used = i < kept.size();
    Write(file_->died[i], used ? kept[i] : TaskId(), used ? deaths_[kept[i]] : 0);
  }
  for (Line& line : file_->running) Write(line, {}, 0);
  file_->head = {.format = kFormat, .bytes = kBytes};
}

void RunningPage::KeepNone() {
  for (Line& line : file_->died) Write(line, {}, 0);
}

// Its reader is another process, after this one has ended: what counts is the order in which one
// thread stores, so that half a note is none.
void RunningPage::Write(Line& line, TaskId task, std::uint64_t count) {
  constexpr auto kOrder = std::memory_order_release;
  std::atomic_ref(line.count).store(0, std::memory_order_relaxed);
  std::atomic_ref(line.session).store(task.session, kOrder);
  std::atomic_ref(line.seq).store(task.seq, kOrder);
  std::atomic_ref(line.count).store(count, kOrder);
}

void RunningPage::Set(TaskId task, std::uint8_t attempt) {
  Write(file_->running[ThreadIndex()], task, std::uint64_t{1} + attempt);
}

void RunningPage::Unset() {
  Write(file_->running[ThreadIndex()], {}, 0);
}

}  // namespace spillgate
