// RunningPage: which tasks the threads of this process run, in a mapped file that outlives it. What
// stands there when the process is gone counts as a death of the task's worker, and a task with
// such deaths runs in a worker process from then on: it does not take a second node with it.
//
// A task that waits in a get is not noted, nor is one that no process will run again. Deaths are
// kept until a process has ended with nothing left to go on with, or newer ones need their place.
//
// A note costs a few stores, no system call. Open, KeepNone and the end of it are for one thread;
// all else is for any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/base/hash_map.h"
#include "core/base/result.h"
#include "core/base/thread_index.h"
#include "core/model/task.h"

namespace spillgate {

class RunningPage {
 public:
  // Makes the file if there is none. One that is damaged is made anew, with a warning. The
  // directory is there, and nobody else has this file.
  [[nodiscard]] static Result<std::unique_ptr<RunningPage>> Open(const std::string& path);
  ~RunningPage();
  RunningPage(const RunningPage&) = delete;
  RunningPage& operator=(const RunningPage&) = delete;

  using Deaths = HashMap<TaskId, std::uint8_t>;
  // Of earlier processes, by the tasks that they ran at that moment.
  [[nodiscard]] const Deaths& deaths() const { return deaths_; }
  [[nodiscard]] std::uint8_t DeathsOf(TaskId task) const {
    if (deaths_.empty()) return 0;
    const auto found = deaths_.find(task);
    return found == deaths_.end() ? std::uint8_t{0} : found->second;
  }
  // Nothing goes on in the next process: it need not know of deaths.
  void KeepNone();

  // What the calling thread runs from now on, in place of what it had noted; and nothing.
  void Set(TaskId task, std::uint8_t attempt);
  void Unset();

  // Notes a run of the calling thread while it lasts, then again what that had noted before. `page`
  // may be null.
  class Note;

  static constexpr std::size_t kMostDeaths = 256;
  static constexpr std::size_t kLineBytes = 64;
  static constexpr std::size_t kBytes = (1 + kThreadIndexes + kMostDeaths) * kLineBytes;

 private:
  // Of a task, by its thread or its death; one cache line, so that threads do not share any.
  struct alignas(kLineBytes) Line {
    std::uint64_t session;
    std::uint64_t seq;
    std::uint64_t count;  // of runs or deaths; 0: the line is empty
  };
  struct File {
    struct alignas(kLineBytes) {
      std::uint64_t format;
      std::uint64_t bytes;
    } head;
    Line running[kThreadIndexes];
    Line died[kMostDeaths];
  };
  static_assert(sizeof(File) == kBytes);

  explicit RunningPage(File* file) : file_(file) {}
  void TakeOver(const std::string& path, bool is_new);
  static void Write(Line& line, TaskId task, std::uint64_t count);

  File* const file_;
  Deaths deaths_;  // as of Open
};

class RunningPage::Note {
 public:
  Note(RunningPage* page, const Task& task) : page_(ComesAgain(task) ? page : nullptr) {
    if (page_ == nullptr) return;
    before_ = page_->file_->running[ThreadIndex()];
    page_->Set(task.id, task.attempt);
  }
  ~Note() {
    if (page_ == nullptr) return;
    Write(page_->file_->running[ThreadIndex()], {before_.session, before_.seq}, before_.count);
  }
  [[nodiscard]] bool noted() const { return page_ != nullptr; }
  Note(const Note&) = delete;
  Note& operator=(const Note&) = delete;

 private:
  // The journal has it, or whatever spawned it, which may be in the journal and spawn it again.
  static bool ComesAgain(const Task& task) {
    return task.level != Level::kNone || !task.parent.is_none();
  }

  RunningPage* const page_;
  Line before_{};
};

}  // namespace spillgate
