// What would run before a root that comes now: the work of the account, and what this door has let
// in since the account last said what waits, or many could come in between. On each resource that
// the root needs, or what it will bring. One for each shard of submission, on its thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/flow/admission.h"
#include "core/model/kept_slot.h"
#include "core/model/slack_lines.h"
#include "core/model/work_account.h"

namespace spillgate {

class WorkAtDoor {
 public:
  explicit WorkAtDoor(const WorkAccount& account) : account_(account) {}

  // A root in question.
  struct Newcomer {
    TaskClass cls{};
    TenantId tenant = 0;
    SlackLine line = 0;
    KeptSlot::Length length = 0;  // of a run; 0: never in the way of others
    FunctionId function = 0;
    bool held_back = false;   // as others of its function are, by its limit
    std::uint32_t share = 0;  // percent of the slot time that its class has at least
    Nanos slot_time{0};
    Instant deadline = kNever;
  };
  // What would run before one that comes now; one Queue for each need.
  struct Ahead {
    std::array<flow::Queue, kResourceKinds> queues{};
    std::size_t count = 0;
    bool for_brought = false;   // what it waits for longest only what it brings needs
    Nanos busy{0};              // all of one of its resources is held so long by what runs
    std::int64_t tasks = 0;     // that wait, of its class and above
    std::int64_t promises = 0;  // roots of its class that have not brought all of theirs: what
                                // is only promised to more important ones leaves no slot idle
    double taken = 0;           // the part of a resource that goes to those, and to others
  };
  [[nodiscard]] Ahead Look(const Newcomer& root, const WorkAccount::Needs& needs, Instant now);
  // Lines of its tenant that will go before its own: those that roots came to in as much time as it
  // has, as some will again while it waits; and one that stood empty, which may fill up.
  [[nodiscard]] std::uint8_t LinesBefore(const Newcomer& root, Nanos remaining, Instant now) const;
  // What one of those that wait takes of the node on the mean; 0 if none does. So often, about, a
  // place comes free.
  [[nodiscard]] Nanos EachThatWaits();
  void Admitted(const Newcomer& root, FunctionId function, const WorkAccount::Needs& needs,
                std::uint32_t count);
  // So many that were let in have not come to the stage yet (or, less than zero, have).
  void OnTheWay(std::int64_t tasks) { on_the_way_ += tasks; }
  // Tasks of a function that wait.
  [[nodiscard]] std::int64_t Unstarted(FunctionId function) const;

 private:
  struct Entry {
    TaskClass cls{};
    TenantId tenant = 0;
    SlackLine line = 0;
    FunctionId function = 0;
    std::array<std::int64_t, kResourceKinds> work{};
    std::int64_t tasks = 0;
  };
  // Work on one resource, in node time.
  struct Before {
    std::int64_t above = 0;   // of more important classes
    std::int64_t own = 0;     // of its own tenant and class
    std::int64_t line = 0;    // of that, in its line
    std::int64_t behind = 0;  // and in the lines behind that
    std::int64_t later = 0;   // in those of these that can wait for it
    std::int64_t one = 0;     // of a task of those
    std::int64_t others = 0;  // of other tenants of its class
  };
  // The parts of a resource that were given lately, and are taken to be given again.
  struct Lately {
    double left = 1;    // by more important classes
    double others = 0;  // of that, to other tenants of its class
    [[nodiscard]] double taken() const { return 1 - left * (1 - others); }
  };
  void ForgetWhatWasCounted();
  [[nodiscard]] static Newcomer SeenBy(const WorkAccount::Needs& needs, std::size_t which,
                                       const Newcomer& root);
  // `all`: with what is held back.
  [[nodiscard]] Before Count(const Newcomer& root, std::size_t kind, bool all) const;
  [[nodiscard]] bool IsLater(const Newcomer& root, SlackLine line) const;
  [[nodiscard]] flow::Queue LookAt(const Newcomer& root, const WorkAccount::Needs& needs,
                                   std::size_t which, const Lately& lately) const;
  [[nodiscard]] flow::Queue BehindItsLike(const flow::Queue& all, const Newcomer& root,
                                          const WorkAccount::Needs& needs, std::size_t which) const;
  [[nodiscard]] flow::Queue Behind(const Before& before, const Newcomer& root,
                                   const WorkAccount::Needs& needs, std::size_t which,
                                   const Lately& lately) const;
  [[nodiscard]] Lately GivenTo(const Newcomer& root, std::size_t kind, Instant now) const;
  [[nodiscard]] double OthersLately(const Newcomer& root, std::size_t kind, double left,
                                    Instant now) const;

  const WorkAccount& account_;
  std::int64_t passes_ = 0;
  std::int64_t on_the_way_ = 0;
  std::vector<Entry> since_;  // of a pass: few
};

}  // namespace spillgate
