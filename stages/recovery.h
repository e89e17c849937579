// Recovery: rebuilds the table from the journal's records, before the node serves. Every record is
// applied in the order of the log; what concerns something unknown is older than the last snapshot
// and is passed over. At the end there are the sessions, what they have not let go of, and the
// tasks that have not ended: those go to resolution again, as if they had just been accepted. One
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/hash_map.h"
#include "core/base/result.h"
#include "core/flow/admission.h"
#include "schema/record.h"
#include "stages/build_task.h"
#include "stages/events.h"
#include "stages/shared.h"

namespace spillgate {

class Recovery {
 public:
  // The number of a shape, by its text; 0: this node cannot have it.
  using ShapeOf = std::function<ShapeId(std::string_view text)>;

  // `door`: that of submission.
  Recovery(Shared& shared, const flow::Controller& door, ShapeOf shape_of, Instant now)
      : shared_(shared), by_work_(door.UsesWork()), shape_of_(std::move(shape_of)), now_(now) {}

  // Fails if the bytes are no record: the log is damaged, or of a later version.
  [[nodiscard]] Status Apply(ByteView bytes);

  // Workers that died with these tasks, as far as that is known otherwise; for Finish.
  using Deaths = HashMap<TaskId, std::uint8_t>;
  void CountDeaths(const Deaths& deaths) { deaths_ = &deaths; }

  struct Recovered {
    std::vector<Accepted> tasks;  // in the order in which they were accepted
    std::uint64_t epoch = 0;      // of the last process that wrote here; 0: none did
    std::size_t sessions = 0;
    std::size_t results = 0;         // kept for whoever has not fetched them
    std::size_t lost_functions = 0;  // tasks whose function no library has any more
    std::size_t suspects = 0;        // go on, and have had deaths
    std::size_t not_again = 0;       // that may run once at most, and had begun
  };
  [[nodiscard]] Recovered Finish();

 private:
  [[nodiscard]] SlackLine LineNow(const Root& root) const;
  struct Pending {
    TaskPtr task;
    bool started = false;
  };

  void On(const record::Start& record) {
    recovered_.epoch = std::max(recovered_.epoch, record.epoch);
  }
  void On(const record::SessionOpened& record) REQUIRES(shared_.table.mutex());
  void On(const record::SessionEnded& record) REQUIRES(shared_.table.mutex());
  void On(const record::Seen& record) REQUIRES(shared_.table.mutex());
  void On(const record::Tasks& record) REQUIRES(shared_.table.mutex());
  void On(const record::Object& record) REQUIRES(shared_.table.mutex());
  void On(const record::RootOpened& record) REQUIRES(shared_.table.mutex());
  void On(const record::RootClosed& record) REQUIRES(shared_.table.mutex());
  void On(const record::Started& record) REQUIRES(shared_.table.mutex());
  void On(const record::NotStarted& record) REQUIRES(shared_.table.mutex());
  void On(const record::Ended& record) REQUIRES(shared_.table.mutex());
  void On(const record::Released& record) REQUIRES(shared_.table.mutex());

  [[nodiscard]] bool Decode(const record::Tasks& record, TaskGroup& group);
  void Enter(const TaskGroup& group, std::uint32_t i, const std::shared_ptr<const Lineage>& lineage,
             Session& session) REQUIRES(shared_.table.mutex());
  [[nodiscard]] RootPtr RootOf(const TaskGroup& group, const Task& task, const Session& session)
      REQUIRES(shared_.table.mutex());
  [[nodiscard]] std::uint8_t DeathsOf(TaskId id) const;
  void End(Pending& pending, Outcome&& outcome) REQUIRES(shared_.table.mutex());

  Shared& shared_;
  const bool by_work_;
  const ShapeOf shape_of_;
  const Instant now_;
  const Deaths* deaths_ = nullptr;
  Recovered recovered_;
  std::vector<TaskId> order_;
  HashMap<TaskId, Pending> pending_;
};

}  // namespace spillgate
