#include "tests/server/exec/fake_node.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/base/check.h"
#include "core/base/format.h"
#include "schema/child_spec.h"
#include "server/functions/builtins.h"

namespace spillgate::testing {
namespace {

constexpr SessionId kSession = 7;

std::string TextOf(const Value& value) {
  return std::string(AsText(value.view()));
}

std::filesystem::path Beside(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

}  // namespace

std::string WorkerProgram() {
  return Beside("spillgate-worker");
}

std::string LibraryPath(const std::string& name) {
  return Beside("lib" + name + ".so");
}

FakeNode::FakeNode(Options options) : options_(std::move(options)), roots_(1), tasks_(1024) {
  root_ = RootPtr(roots_.Make());
  root_->home = &roots_;
  root_->session = kSession;
  free_ = options_.slots;
  by_id_.push_back(nullptr);
  const auto add = [this](Result<FunctionLibrary> library) {
    if (!library.ok()) {
      ADD_FAILURE() << library.error().message;
      return;
    }
    Add(*libraries_.emplace_back(std::make_unique<FunctionLibrary>(std::move(library).value())));
  };
  add(FromTable(functions::Builtins(), ""));
  for (const sg_library* table : options_.tables) add(FromTable(*table, ""));
  for (const std::string& path : options_.libraries) {
    add(DescribeLibrary(WorkerProgram(), path, std::chrono::seconds(30)));
  }
  std::promise<void> started;
  loop_ = std::thread([this, &started] {
    WorkerOptions workers = options_.workers;
    if (workers.program.empty()) workers.program = WorkerProgram();
    hosts_ = std::make_unique<Hosts>(clock_, options_.threads, workers, reactor_, Ports());
    started.set_value();
    Main();
  });
  started.get_future().wait();
}

FakeNode::~FakeNode() {
  if (!stopped_) (void)Stop();
  reactor_.Stop();
  loop_.join();
}

void FakeNode::Main() {
  reactor_.Run([this] { Turn(); });
  hosts_.reset();
}

void FakeNode::Add(const FunctionLibrary& library) {
  for (const Function& function : library.functions) {
    auto copy = std::make_unique<Function>(function);
    const auto host = options_.hosts.find(copy->name);
    if (host != options_.hosts.end()) copy->host = host->second;
    copy->id = static_cast<FunctionId>(by_id_.size());
    by_id_.push_back(copy.get());
    functions_[copy->name] = std::move(copy);
  }
}

NodePorts FakeNode::Ports() {
  return {
      .report =
          [this](RunReport&& report) {
            // Jobs of the reactor can be copied.
            auto shared = std::make_shared<RunReport>(std::move(report));
            reactor_.Post([this, shared] { OnReport(std::move(*shared)); });
          },
      .notice =
          [this](const RunNotice& notice) { reactor_.Post([this, notice] { OnNotice(notice); }); },
      .ask =
          [this](ConnectionId from, SessionId session, Buffer frame) {
            EXPECT_EQ(session, kSession);
            reactor_.Post([this, from, frame] { OnFrame(from, frame); });
          },
      .find_function = [this](std::string_view name) -> FunctionId {
        const auto found = functions_.find(std::string(name));
        return found == functions_.end() ? 0 : found->second->id;
      },
      .gone =
          [this](ConnectionId connection) {
            reactor_.Post([this, connection] { OnGone(connection); });
          }};
}

void FakeNode::OnLoop(const std::function<void()>& job) {
  if (std::this_thread::get_id() == loop_.get_id()) return job();
  std::promise<void> done;
  reactor_.Post([&] {
    job();
    done.set_value();
  });
  done.get_future().wait();
}

bool FakeNode::Until(std::function<bool()> holds, Nanos at_most) {
  auto told = std::make_shared<std::promise<void>>();
  std::future<void> future = told->get_future();
  OnLoop([&] { awaited_.push_back({std::move(holds), told}); });
  return future.wait_for(at_most) == std::future_status::ready;
}

bool FakeNode::Running(TaskId id) {
  return entries_.at(id).running;
}

bool FakeNode::Blocked(TaskId id) {
  return entries_.at(id).blocked;
}

std::size_t FakeNode::Children(TaskId id) {
  return entries_.at(id).children.size();
}

Ledger FakeNode::ledger() {
  Ledger copy;
  OnLoop([&] { copy = ledger_; });
  return copy;
}

bool FakeNode::Stop() {
  stopped_ = true;
  OnLoop([this] { hosts_->Stop(); });
  return Until([this] { return ledger_.starts == ledger_.reports && hosts_->processes() == 0; });
}

TaskId FakeNode::Submit(const std::string& function, const std::vector<std::string>& args,
                        Extras extras) {
  TaskId id;
  OnLoop([&] {
    id = {kSession, next_seq_++};
    wire::SubmitWriter writer;
    wire::SubmitPreamble preamble{.function = functions_.at(function)->id, .first_seq = id.seq};
    preamble.remaining_us = static_cast<std::uint64_t>(extras.deadline.count() / 1000);
    writer.Begin(preamble);
    writer.BeginTask(0, 0, extras.returns);
    for (const std::string& arg : args) writer.AddInline(AsBytes(arg));
    wire::OutBuffer out;
    writer.Finish(0, 0, out);
    std::vector<TaskId> ids;
    std::vector<TaskPtr> tasks = TasksOf(Buffer::CopyOf(out.view()), ids);
    if (extras.memory > 0) {
      shapes_.push_back(std::make_unique<Resources>(*tasks[0]->shape));
      shapes_.back()->amount[kMemory] = extras.memory;
      tasks[0]->shape = shapes_.back().get();
    }
    Accept(id, std::move(tasks[0]));
    Dispatch();
  });
  return id;
}

Ended FakeNode::Await(TaskId id, Nanos at_most) {
  std::future<Ended> future;
  OnLoop([&] {
    Entry& entry = entries_.at(id);
    std::promise<Ended>& promise = entry.awaited.emplace_back();
    future = promise.get_future();
    if (entry.ended.fate != Fate::kOpen) promise.set_value(entry.ended);
  });
  return future.wait_for(at_most) == std::future_status::ready ? future.get() : Ended();
}

void FakeNode::Cancel(TaskId id) {
  OnLoop([&] {
    OnCancel(id);
    Dispatch();
  });
}

void FakeNode::Turn() {
  const Instant now = clock_.Now();
  hosts_->Tick(now);
  ExpireGets(now);
  AnswerWaits(now);
  std::erase_if(awaited_, [](Awaited& awaited) {
    if (!awaited.holds()) return false;
    awaited.told->set_value();
    return true;
  });
}

// The tasks of a submission, without their arguments that are objects.
std::vector<TaskPtr> FakeNode::TasksOf(const Buffer& frame, std::vector<TaskId>& ids) {
  const wire::FrameView view = wire::View(frame.view());
  const auto preamble = wire::ReadPreamble(view);
  SG_CHECK(preamble.has_value());
  wire::SubmitView submit;
  const wire::SubmitError error = wire::DecodeSubmit(view, {}, submit);
  EXPECT_EQ(error.message, "");
  const bool child = (preamble->flags & wire::kChild) != 0;
  const Instant now = clock_.Now();
  std::vector<TaskPtr> tasks;
  for (std::uint32_t i = 0; i < submit.heads.size(); ++i) {
    const wire::TaskHead& head = submit.heads[i];
    TaskPtr task(tasks_.Make());
    task->home = &tasks_;
    const std::string& name = by_id_.at(preamble->function)->name;
    const wire::ChildPreamble& by = submit.child;
    task->id = child ? ChildId(by.parent, by.stream, by.first_index + i,
                               wire::DigestOf(name, {}, submit, view.payload, i))
                     : TaskId{kSession, preamble->first_seq + i};
    task->parent = submit.child.parent;
    task->root = root_;
    task->function = by_id_.at(preamble->function);
    task->shape = &task->function->shape;
    task->frame = frame;
    task->args = submit.args.subspan(head.first_arg, head.arg_count);
    task->payload = view.payload;
    task->returns = std::max<std::uint8_t>(1, head.returns);
    if (preamble->remaining_us > 0) {
      task->deadline = After(now, std::chrono::microseconds(preamble->remaining_us));
    }
    ids.push_back(task->id);
    tasks.push_back(std::move(task));
  }
  return tasks;
}

void FakeNode::Accept(TaskId id, TaskPtr task) {
  Entry& entry = entries_[id];
  entry.parent = task->parent;
  entry.deadline = task->deadline;
  entry.task = std::move(task);
  ++unfinished_;
  if (!entry.parent.is_none()) entries_.at(entry.parent).children.push_back(id);
  Task& accepted = *entry.task;
  accepted.objects = std::make_unique<Value[]>(accepted.args.size());
  for (std::uint32_t i = 0; i < accepted.args.size(); ++i) {
    if (accepted.args[i].kind != ArgRef::kObject) continue;
    Entry& source = entries_.at(accepted.args[i].object().task);
    if (source.ended.fate == Fate::kOpen) {
      ++accepted.missing;
      source.dependants.emplace_back(id, i);
    } else {
      SetArgument(entry, id, i, source.outcome);
      if (entry.ended.fate != Fate::kOpen) return;
    }
  }
  if (accepted.missing == 0) ready_.push_back(id);
}

void FakeNode::SetArgument(Entry& entry, TaskId id, std::uint32_t at, const Outcome& from) {
  if (from.fate != Fate::kDone) {
    return EndWith(id, Fate::kFailed, Reason::kDependencyFailed, "its argument failed");
  }
  const std::uint32_t index = entry.task->args[at].index;
  entry.task->objects[at] = index == 0 ? from.value : from.further->at(index - 1);
}

void FakeNode::End(TaskId id, Outcome outcome) {
  Entry& entry = entries_.at(id);
  SG_CHECK(entry.ended.fate == Fate::kOpen);
  entry.outcome = std::move(outcome);
  Ended& ended = entry.ended;
  ended.fate = entry.outcome.fate;
  ended.reason = entry.outcome.reason;
  ended.value = TextOf(entry.outcome.value);
  if (entry.outcome.further != nullptr) {
    for (const Value& value : *entry.outcome.further) ended.further.push_back(TextOf(value));
  }
  if (entry.outcome.failure != nullptr) ended.message = entry.outcome.failure->message;
  entry.task.reset();
  --unfinished_;
  for (const Waiter& waiter : std::exchange(entry.gets, {})) SendResult(waiter, id, entry.outcome);
  for (const auto& [dependant, at] : std::exchange(entry.dependants, {})) {
    Entry& waiting = entries_.at(dependant);
    if (waiting.ended.fate != Fate::kOpen) continue;
    SetArgument(waiting, dependant, at, entry.outcome);
    if (waiting.ended.fate == Fate::kOpen && --waiting.task->missing == 0) {
      ready_.push_back(dependant);
    }
  }
  for (std::promise<Ended>& promise : entry.awaited) promise.set_value(ended);
  AnswerWaits(clock_.Now());
  TryWaitingSpawns();
}

}  // namespace spillgate::testing
