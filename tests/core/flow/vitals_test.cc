// What a stage publishes at each tick: the age of the oldest event there, and its controller's
// state.
#include <gtest/gtest.h>

#include <vector>

#include "core/flow/pipeline.h"

namespace spillgate::flow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Piece {
  Instant arrived{};
};

// Holds what it is given until it is told to let the newest go.
class Keeping {
 public:
  using In = Piece;
  explicit Keeping(AnyInbox* self) : self_(self) {}
  void Handle(std::span<In> batch, Instant) {
    held_.insert(held_.end(), batch.begin(), batch.end());
  }
  void Flush(Instant) {}
  void LetNewestGo() {
    held_.pop_back();
    self_->Leave(1, 1);
  }

 protected:
  AnyInbox* self_;
  std::vector<Piece> held_;
};

class Telling : public Keeping {
 public:
  using Keeping::Keeping;
  [[nodiscard]] Instant Oldest() const { return held_.empty() ? kNever : held_.front().arrived; }
};

template <class S>
class Bench {
 public:
  Bench() : pipeline_(clock_) {
    Pool& pool = pipeline_.AddPool("only", {.threads = 0});
    inbox_ = &pipeline_.Open<Piece>("keeping", 0,
                                    {.capacity = 100, .capacity_bytes = 100, .back_capacity = 1},
                                    MakeController("bound"));
    auto stage = std::make_unique<S>(inbox_);
    stage_ = stage.get();
    runner_ = &pipeline_.Run(*inbox_, pool, 8, std::move(stage));
    pipeline_.StepOnly();
  }
  void Submit() {
    ASSERT_TRUE(inbox_->Reserve(1, 1));
    Piece piece{clock_.Now()};
    inbox_->Commit({&piece, 1});
  }
  void Run() { runner_->RunBatch(clock_.Now(), 0); }
  void Tick(Nanos after) {
    clock_.Advance(after);
    pipeline_.TickAll(clock_.Now());
  }
  [[nodiscard]] Nanos Age() const {
    const Instant oldest(Nanos(inbox_->stats().oldest_ns.load()));
    return oldest == kNever ? Nanos(-1) : clock_.Now() - oldest;
  }

  ManualClock clock_;
  Pipeline pipeline_;
  Inbox<Piece>* inbox_ = nullptr;
  S* stage_ = nullptr;
  StageRunner<S>* runner_ = nullptr;
};

TEST(Vitals, AgeGrowsWhileAnEventWaitsAndEndsWhenItLeaves) {
  Bench<Keeping> bench;
  bench.Tick(milliseconds(1));
  EXPECT_EQ(bench.Age(), Nanos(-1));
  bench.Submit();
  bench.Tick(milliseconds(1));
  bench.Tick(seconds(3));
  EXPECT_EQ(bench.Age(), seconds(3));  // in the inbox
  bench.Run();
  bench.Tick(seconds(1));
  EXPECT_EQ(bench.Age(), seconds(4));  // held
  bench.stage_->LetNewestGo();
  bench.Tick(milliseconds(1));
  EXPECT_EQ(bench.Age(), Nanos(-1));
}

TEST(Vitals, AStageThatTellsItsOldestIsBelievedWhateverTheOrder) {
  Bench<Telling> bench;
  bench.Submit();
  bench.Tick(milliseconds(1));
  bench.Run();
  bench.Tick(seconds(5));
  bench.Submit();
  bench.Run();
  bench.stage_->LetNewestGo();  // the older of the two is still there
  bench.Tick(seconds(1));
  EXPECT_EQ(bench.Age(), seconds(6) + milliseconds(1));
  bench.stage_->LetNewestGo();
  bench.Submit();
  bench.Tick(milliseconds(1));
  bench.Tick(milliseconds(1));
  EXPECT_EQ(bench.Age(), milliseconds(1));  // now only the inbox has one
}

TEST(Vitals, TheControllersStateIsPublished) {
  Bench<Keeping> bench;
  EXPECT_EQ(bench.inbox_->controller_name(), "bound");
  EXPECT_EQ(bench.inbox_->stats().retry_after_ns.load(), 0);
  bench.inbox_->controller().NoteRetry(milliseconds(7));
  bench.Tick(milliseconds(1));
  EXPECT_EQ(bench.inbox_->stats().retry_after_ns.load(), Nanos(milliseconds(7)).count());
}

}  // namespace
}  // namespace spillgate::flow
