// A node of six stages that hold whatever they are given, with every counter in reach of a test.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/flow/pipeline.h"
#include "server/admin/observer.h"

namespace spillgate::admin {

struct Piece {
  Instant arrived{};
};

class Holding {
 public:
  using In = Piece;
  void Handle(std::span<In>, Instant) {}
  void Flush(Instant) {}
};

class ToyNode {
 public:
  static constexpr std::array<const char*, 6> kNames{"submission", "resolution", "scheduling",
                                                     "spillover",  "execution",  "publication"};

  explicit ToyNode(std::uint32_t submission_shards = 1)
      : tally({.submission = submission_shards}),
        pipeline(clock),
        observer(pipeline, tally,
                 {.name = "toy", .version = "0.1.0", .epoch = 0xabc, .started = clock.Now()},
                 [this](Instant) { return figures; }) {
    flow::Pool& pool = pipeline.AddPool("loop", {.threads = 0});
    for (const char* name : kNames) {
      const bool split = std::string(name) == "submission";
      for (std::uint32_t shard = 0; shard < (split ? submission_shards : 1); ++shard) {
        auto& inbox = pipeline.Open<Piece>(
            name, shard, {.capacity = 100, .capacity_bytes = 1000, .back_capacity = 1},
            flow::MakeController(split ? "bound" : "deadline"));
        pipeline.Run(inbox, pool, 100, std::make_unique<Holding>());
        inboxes.push_back(&inbox);
      }
    }
    pipeline.StepOnly();
    figures.accepting = true;
  }

  // `count` events of ten bytes arrive.
  void Arrive(std::size_t stage, int count) {
    for (int i = 0; i < count; ++i) {
      SG_CHECK(inboxes[stage]->Reserve(1, 10));
      Piece piece{clock.Now()};
      inboxes[stage]->Commit({&piece, 1});
    }
  }
  // The stage takes all that waits, and holds it.
  void TakeAll(std::size_t stage) { inboxes[stage]->runnable()->RunBatch(clock.Now(), 0); }
  void Leave(std::size_t stage, int count) {
    TakeAll(stage);
    inboxes[stage]->Leave(count, std::int64_t{10} * count);
  }
  void Pass(Nanos by) {
    clock.Advance(by);
    pipeline.TickAll(clock.Now());
  }
  [[nodiscard]] Snapshot Take() const { return observer.Take(clock.Now()); }

  ManualClock clock;
  Tally tally;
  NodeFigures figures;
  flow::Pipeline pipeline;
  Observer observer;
  std::vector<flow::Inbox<Piece>*> inboxes;
};

}  // namespace spillgate::admin
