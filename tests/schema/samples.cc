#include "tests/schema/samples.h"

#include <array>
#include <utility>

#include "schema/auth.h"
#include "schema/messages.h"
#include "schema/replies.h"
#include "schema/submit.h"
#include "schema/worker_messages.h"

namespace spillgate::wire {
namespace {

constexpr std::uint64_t kSession = kSampleSession;
constexpr TaskId kTask{kSession, 17};
constexpr TaskId kChildTask{0x8a00000000000001, 0xb000000000000002};

template <std::size_t N>
std::array<std::byte, N> Counting(std::uint8_t from) {
  std::array<std::byte, N> bytes;
  for (std::size_t i = 0; i < N; ++i) bytes[i] = static_cast<std::byte>(from + i);
  return bytes;
}

class Collector {
 public:
  template <class Message, class... More>
  void Add(std::string name, std::string title, const Message& message, const More&... more) {
    const auto correlation = static_cast<std::uint32_t>(samples_.size() + 1);
    AddBytes(std::move(name), std::move(title),
             [&](OutBuffer& out) { Encode(message, more..., correlation, out); });
  }
  template <class Write>
  void AddBytes(std::string name, std::string title, Write write) {
    Sample& sample = samples_.emplace_back();
    sample.name = std::move(name);
    sample.title = std::move(title);
    write(sample.bytes);
  }
  [[nodiscard]] std::vector<Sample> Take() { return std::move(samples_); }

 private:
  std::vector<Sample> samples_;
};

void AddHandshake(Collector& all) {
  const auto nonce = Counting<16>(0x10);
  const auto resume = Counting<16>(0xA0);
  all.Add("greeting", "the node's first words; it wants a token",
          Greeting{.auth_required = true, .nonce = nonce});
  all.Add("hello", "a new client on the Unix socket",
          Hello{.session = 0, .name = "", .software = "minimal.py"});
  all.Add("hello_resume", "the same over TCP, back after its connection broke, token \"sesame\"",
          Hello{.session = kSession,
                .resume_token = resume,
                .name = "team-a",
                .mac = HelloMac("sesame", nonce, kSession, "team-a"),
                .software = "minimal.py"});
  all.Add("welcome", "the session is resumed",
          Welcome{.resumed = true,
                  .session = kSession,
                  .resume_token = resume,
                  .node = "node-1",
                  .epoch = 3,
                  .next_seq = 18,
                  .max_payload = 16 << 20,
                  .ids_per_get = 2048,
                  .deps_per_task = 1000,
                  .inline_value = 100 << 10,
                  .max_batch = 4096});
  all.Add("register", "which handle has this function?", Register{.name = "sum"});
  all.Add("registered", "handle 5", Registered{.function = 5, .host = 1, .detail = ""});
  all.Add(
      "registered_unknown", "there is no such function",
      Registered{.reason = Reason::kUnknownFunction, .detail = "no function 'summ'; see 'sum'"});
  all.Add("shape", "a resource shape", Shape{.text = "cpu=1,gpu=0.5"});
  all.Add("shaped", "handle 2", Shaped{.shape = 2, .detail = ""});
}

void AddSubmits(Collector& all) {
  all.AddBytes("submit", "one task, function 5, one inline argument, its result is pushed",
               [](OutBuffer& out) {
                 SubmitWriter writer;
                 writer.Begin({.flags = kPush, .function = 5, .first_seq = 17});
                 writer.BeginTask();
                 writer.AddInline(AsBytes("hello"));
                 writer.Finish(9, 1'000'000, out);
               });
  all.AddBytes("submit_batch", "three tasks of root 16, high, async, due in 250 ms",
               [](OutBuffer& out) {
                 SubmitWriter writer;
                 writer.Begin({.cls = TaskClass::kHigh,
                               .level = Level::kAsync,
                               .attempt = 1,
                               .retry = 2,
                               .function = 5,
                               .shape = 2,
                               .remaining_us = 250'000,
                               .cost_hint_ns = 40'000,
                               .root = 16,
                               .first_seq = 18});
                 writer.BeginTask();
                 writer.BeginTask(0, 0, 2);
                 writer.AddObject({kTask, 1});
                 writer.AddInline(AsBytes("ab"));
                 writer.BeginTask();
                 writer.AddInline(AsBytes("cde"));
                 writer.Finish(10, 1'000'100, out);
               });
  all.AddBytes(
      "submit_children", "two children of task 17 with functions of their own", [](OutBuffer& out) {
        SubmitWriter writer;
        const ChildPreamble child{.parent = kTask, .stream = 1, .attempt = 2, .first_index = 40};
        writer.Begin({.flags = kMixed, .first_seq = 40}, &child);
        writer.BeginTask(5, 0);
        writer.AddObject({kChildTask, 0});
        writer.BeginTask(6, 2);
        writer.Finish(11, 1'000'200, out);
      });
  all.AddBytes("verdicts", "the first two accepted, the third refused for 5 ms",
               [](OutBuffer& out) {
                 const std::array verdicts{Verdict{.first_seq = 18,
                                                   .count = 2,
                                                   .correlation = 10,
                                                   .level = Level::kAsync,
                                                   .load_level = 200},
                                           Verdict{.first_seq = 20,
                                                   .count = 1,
                                                   .correlation = 10,
                                                   .retry_after_us = 5000,
                                                   .reason = Reason::kInFlight,
                                                   .status = VerdictStatus::kRejected,
                                                   .level = Level::kAsync,
                                                   .load_level = 200}};
                 WriteVerdicts(verdicts, 2'000'000, out);
               });
  all.Add("credits", "root tasks that may be sent, by class",
          Credits{.window = {1000, 500, 250, 0}, .ttl_ms = 1000, .load_level = 128});
}

void AddRequests(Collector& all) {
  static constexpr std::array kIds{ObjectName{.task = kTask},
                                   ObjectName{.task = kChildTask, .index = 1}};
  static constexpr std::array kTasks{kTask, kChildTask};
  static constexpr std::array kRanges{Range{.first = kTask, .count = 3}};
  static constexpr std::array kStates{
      TaskStatus{.task = kTask, .age_us = 1500, .state = TaskState::kUnfinished, .attempt = 1},
      TaskStatus{.task = kChildTask,
                 .age_us = 99,
                 .state = TaskState::kEnded,
                 .fate = static_cast<std::uint8_t>(Fate::kFailed),
                 .reason = Reason::kWorkerDied,
                 .attempt = 4}};
  all.Add("get", "two objects, within a second", Get{.ids = kIds, .timeout_us = 1'000'000});
  all.AddBytes("results", "a value, a failure and nothing in time", [](OutBuffer& out) {
    ResultsWriter writer;
    writer.Add({.task = kTask, .correlation = 15, .fate = Fate::kDone, .returns = 2},
               AsBytes("hello"), out);
    writer.AddFailure({.task = kChildTask,
                       .index = 1,
                       .correlation = 15,
                       .reason = Reason::kDependencyFailed,
                       .fate = Fate::kFailed},
                      kTask, "its argument failed", out);
    writer.Add({.task = {kSession, 18}, .correlation = 15, .reason = Reason::kTimeout}, {}, out);
    writer.Finish(out);
  });
  all.Add("wait", "for one of two", Wait{.ids = kIds, .needed = 1, .timeout_us = 500'000});
  all.Add("wait_done", "the second is ready", WaitDone{.ready = {false, true}});
  all.Add("put", "a value under number 19", Put{.seq = 19, .level = Level::kSync},
          AsBytes("matrix"));
  all.Add("open_root", "root 16: about 100 tasks of 40 us",
          OpenRoot{.seq = 16,
                   .cls = TaskClass::kHigh,
                   .level = Level::kAsync,
                   .remaining_us = 1'000'000,
                   .estimated_tasks = 100,
                   .shape = 2,
                   .slot_time_ns = 40'000});
  all.Add("close_root", "no more tasks for root 16", CloseRoot{.seq = 16});
  all.Add("cancel", "two tasks and all below them", Cancel{.ids = kTasks});
  all.Add("cancelled", "one was too late", Cancelled{.count = 1, .already_done = 1});
  all.Add("release", "the results of 17, 18 and 19 are not needed any more",
          Release{.ranges = kRanges});
  all.Add("status", "where are they?", Status{.ids = kTasks});
  all.Add("statuses", "one is unfinished, the other failed", Statuses{.tasks = kStates});
}

void AddTheRest(Collector& all) {
  all.Add("stats", "of the stages", Stats{.what = "stages"});
  all.Add("stats_reply", "as JSON", StatsReply{}, std::string_view("{\"stages\":[]}"));
  all.Add("drain", "take nothing new, finish within 30 s", Drain{.timeout_us = 30'000'000});
  all.Add("drained", "12 tasks are left", Drained{.left = 12, .handed_over = 3});
  all.Add("ping", "are you there?", Ping{});
  all.Add("pong", "yes", Pong{});
  all.Add("error", "a request was refused",
          Error{.reason = Reason::kTooLarge, .message = "2049 ids in one get, the limit is 2048"});
}

void AddWorkers(Collector& all) {
  static const std::array kPieces{AsBytes("ab"), AsBytes(""), AsBytes("cde")};
  const std::span<const ByteView> none;
  all.Add("worker_hello", "a worker with the token it was started with",
          WorkerHello{.token = Counting<16>(0xC0), .pid = 4242});
  all.Add("load", "a function of a library",
          Load{.function = 5, .name = "sum", .library = "/opt/libmath.so"});
  all.Add("run", "task 17 with three arguments",
          Run{.task = kTask,
              .parent = kChildTask,
              .function = 5,
              .attempt = 1,
              .depth = 2,
              .returns = 2,
              .remaining_us = 250'000,
              .memory_limit = 64 << 20},
          std::span<const ByteView>(kPieces));
  all.Add("done", "with two values", Done{.task = kTask},
          std::span<const ByteView>(kPieces).first(2));
  all.Add("done_failed", "the function reports a failure",
          Done{.task = kTask,
               .fate = Fate::kFailed,
               .reason = Reason::kTaskError,
               .message = "no such row"},
          none);
  all.Add("blocked", "task 17 waits in a get, for a child among others",
          Blocked{.task = kTask, .awaited = kChildTask});
  all.Add("resumed", "it goes on", Resumed{.task = kTask});
  all.Add("interrupt", "end task 17 within 10 ms", Interrupt{.task = kTask, .grace_us = 10'000});
  all.Add("stop", "finish and exit", Stop{});
}

}  // namespace

std::vector<Sample> Samples() {
  Collector all;
  AddHandshake(all);
  AddSubmits(all);
  AddRequests(all);
  AddTheRest(all);
  AddWorkers(all);
  return all.Take();
}

}  // namespace spillgate::wire
