// Client: a connection to a node and the session behind it. All calls are safe from any thread and
// at the same time; none waits longer than the timeout it is given, or request_timeout. It has one
// thread of its own, which sleeps while callers that wait do its work. Lost connections are got
// back by themselves, and the session goes on where it was.
//
// A forked child must not use, nor drop, a client or future of its parent: it connects anew.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/lib/future.h"
#include "client/lib/options.h"
#include "schema/messages.h"

namespace spillgate::client {

class Driver;

struct Ready {
  std::vector<bool> ready;  // by position; what failed is ready
  std::uint32_t count = 0;
  bool timed_out = false;  // before as many were ready as were asked for
};

struct NodeInfo {
  std::string name;
  std::uint64_t epoch = 0;  // how often it has started
  SessionId session = 0;
  std::uint32_t inline_value = 0;  // larger arguments are put first, by themselves
  std::uint32_t max_payload = 0;   // most bytes of a value
  std::uint8_t load_level = 0;     // how full it is, 0 to 255
};

// What the client has done, for people and tests. Counts since Connect.
struct ClientStats {
  std::uint64_t submitted = 0;  // tasks, without repeats
  std::uint64_t frames = 0;     // that they were sent in
  std::uint64_t rejected = 0;   // by the node
  std::uint64_t throttled = 0;  // refused here, as the node refused most of the others
  std::uint64_t retried = 0;  // sent again under another id, each by leave of RetryOptions::budget
  std::uint64_t resent = 0;   // tasks sent again under the same id
  std::uint64_t results = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t outstanding = 0;  // now: tasks without a result
  std::uint64_t held_bytes = 0;   // now, of results

  // Tasks that wait here, which costs no retries: roots for credit, also those that had it and were
  // refused for load; pieces of a root for room in it, or in a quota.
  std::uint64_t waiting = 0;  // now
  Nanos waiting_for{0};       // now: the one of them that has waited longest, since it began to
  std::uint64_t waited = 0;   // sent after they had waited; one that waits again counts again
  Nanos waited_for{0};        // those together, each as long as the first of its frame
  std::uint64_t gave_up = 0;  // whose time was over first: their deadline, or request_timeout
};

// A graph of tasks that is admitted and dropped as one. Closed when it goes; what is in it runs on.
class Root {
 public:
  Root() = default;
  Root(Root&& other) noexcept;
  Root& operator=(Root&& other) noexcept;
  ~Root() { Close(); }

  void Close();  // no more tasks
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] TaskId id() const;  // for Client::Cancel

 private:
  friend class Client;
  std::shared_ptr<Driver> driver_;  // shared: roots may outlive the client object
  SessionId session_ = 0;
  std::uint64_t number_ = 0;
};

class Client {
 public:
  [[nodiscard]] static Result<Client> Connect(ClientOptions options = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();  // futures that are left fail, if they have no result yet

  // By name; asked for once per start of the node.
  [[nodiscard]] Result<Function> Find(std::string_view name);
  [[nodiscard]] client::Result<client::Shape> MakeShape(std::string_view text);  // "cpu=1,gpu=0.5"

  // Never fails itself: what is wrong, the future says. Returns at once unless a bound is reached.
  // Submissions that follow each other quickly share a frame.
  [[nodiscard]] Future Submit(const Function& function, Args args,
                              const SubmitOptions& options = {});
  [[nodiscard]] Future Submit(const Function& function, std::initializer_list<Arg> args,
                              const SubmitOptions& options = {}) {
    return Submit(function, Args(args.begin(), args.size()), options);
  }
  // One task for each of `futures`, with the arguments in the same place of `tasks`; those past its
  // end have none.
  void SubmitBatch(const Function& function, std::span<const Args> tasks, std::span<Future> futures,
                   const SubmitOptions& options = {});
  // Sends what is waiting for company now, and takes in what has come.
  void Flush();

  // A value becomes an object. The future is ready, with no bytes, when the node has it.
  [[nodiscard]] Future Put(ByteView value, const PutOptions& options = {});

  // All values in order, or each one's failure. One timeout for all.
  [[nodiscard]] std::vector<Result<Value>> Get(std::span<const Future> futures, Nanos timeout);
  // Until `needed` are ready (as many as there are at most), or the time is over.
  [[nodiscard]] Result<Ready> Wait(std::span<const Future> futures, std::uint32_t needed,
                                   Nanos timeout);
  // Until `needed` of them have been accepted by the node, at the level that they asked for, or
  // have failed; or the time is over. From then on an accepted task ends exactly once, whatever
  // becomes of this client. `ready`: which have a verdict; accepted() and failure() of the future
  // tell which one.
  [[nodiscard]] Result<Ready> WaitAccepted(std::span<const Future> futures, std::uint32_t needed,
                                           Nanos timeout);
  // Down to all that the task has spawned. `count` were asked to stop.
  Result<wire::Cancelled> Cancel(const Future& future);

  // The same for ids, of this or other sessions.
  [[nodiscard]] Result<Value> Get(ObjectId object, Nanos timeout);
  [[nodiscard]] Result<Ready> Wait(std::span<const ObjectId> objects, std::uint32_t needed,
                                   Nanos timeout);
  Result<wire::Cancelled> Cancel(std::span<const TaskId> tasks);
  Status Release(std::span<const TaskId> tasks);

  // Returns when the node has opened it, or has refused, or after request_timeout, so no task is
  // ever sent for a root that is not open. It is refused like a task that is a root: kShed at once
  // while the node refuses most of its class; and what the node refuses for now is asked again, as
  // RetryOptions say and before its deadline. It takes no credit.
  [[nodiscard]] Result<Root> OpenRoot(const RootOptions& options = {});

  [[nodiscard]] Result<std::vector<wire::TaskStatus>> StatusOf(std::span<const TaskId> tasks);
  [[nodiscard]] Result<std::string> StatsOf(std::string_view what);  // "stages", "status": JSON
  Result<wire::Drained> Drain(Nanos timeout);                        // the node stops
  Result<Nanos> Ping();                                              // the round trip

  [[nodiscard]] NodeInfo node() const;
  [[nodiscard]] ClientStats stats() const;

 private:
  template <class Await>
  [[nodiscard]] Result<Ready> AwaitSome(std::span<const Future> futures, std::uint32_t needed,
                                        Nanos timeout, Await await);

  explicit Client(std::shared_ptr<Driver> driver);
  std::shared_ptr<Driver> driver_;  // shared with roots, and with the thread's last turn
};

}  // namespace spillgate::client
