// What would run before a root that comes now: the work of the account, and what this door has let
// in since the account last said what waits, or many could come in between. One for each shard of
// submission, on its thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/flow/admission.h"
#include "core/model/work_account.h"

namespace spillgate {

class WorkAtDoor {
 public:
  explicit WorkAtDoor(const WorkAccount& account) : account_(account) {}

  // What would run before a root of `slot_time` that comes now; one Queue for each need.
  struct Ahead {
    std::array<flow::Queue, kResourceKinds> queues{};
    std::size_t count = 0;
    std::int64_t tasks = 0;  // that wait, of its class and above
  };
  [[nodiscard]] Ahead Look(TaskClass cls, TenantId tenant, const WorkAccount::Needs& needs,
                           Nanos slot_time);
  struct Who {
    TaskClass cls{};
    TenantId tenant = 0;
    FunctionId function = 0;
  };
  void Admitted(const Who& who, const WorkAccount::Needs& needs, Nanos slot_time,
                std::uint32_t count);
  // Tasks of a function that wait.
  [[nodiscard]] std::int64_t Unstarted(FunctionId function) const;

 private:
  struct Entry {
    Who who;
    std::array<std::int64_t, kResourceKinds> work{};
    std::int64_t tasks = 0;
  };
  [[nodiscard]] flow::Queue LookAt(TaskClass cls, TenantId tenant, const WorkAccount::Needs& needs,
                                   std::size_t which, Nanos slot_time) const;

  const WorkAccount& account_;
  std::int64_t passes_ = 0;
  std::vector<Entry> since_;  // of a pass: few
};

}  // namespace spillgate
