// What the stage runtime costs by itself: an event through an inbox, and through six stages that do
// nothing but hand it on, all on one thread as by default, by the size of the batch. "each" is per
// event, of the pipeline through all six.
#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "core/flow/pipeline.h"

namespace spillgate::flow {
namespace {

// As large as the events of the node: a pointer, and what an edge asks of it.
struct Event {
  std::uint64_t number = 0;
  Instant arrived;
};

Meta MetaOf(const Event& event) {
  return {.arrived = event.arrived, .bytes = 100, .is_task = true};
}
void Arrive(Event& event, Instant now) {
  event.arrived = now;
}

using Next = Emit<Event>;

// Hands on what it gets; the last of them counts it.
class Relay {
 public:
  using In = Event;
  Relay(AnyInbox& self, std::unique_ptr<Next> next, std::uint64_t& ended)
      : next_(std::move(next)), departure_(&self), ended_(ended) {}

  void Handle(std::span<Event> batch, Instant now) {
    if (next_ != nullptr) return (*next_)(batch, now);
    for (const Event& event : batch) departure_.Note(MetaOf(event), now);
    departure_.Settle();
    ended_ += batch.size();
  }
  void Flush(Instant) {}

 private:
  const std::unique_ptr<Next> next_;
  Departure departure_;
  std::uint64_t& ended_;
};

void CountEvents(benchmark::State& state) {
  state.counters["each"] =
      benchmark::Counter(static_cast<double>(state.iterations() * state.range(0)),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void SixStages(benchmark::State& state) {
  constexpr std::size_t kStages = 6;
  const SteadyClock clock;
  const auto batch = static_cast<std::size_t>(state.range(0));
  Pipeline pipeline(clock);
  Pool& pool = pipeline.AddPool("loop", {.threads = 0});
  std::array<Inbox<Event>*, kStages> inboxes{};
  for (std::size_t i = 0; i < kStages; ++i) {
    inboxes[i] = &pipeline.Open<Event>("stage-" + std::to_string(i), 0, InboxOptions(),
                                       MakeController("bound"));
  }
  std::uint64_t ended = 0;
  for (std::size_t i = 0; i < kStages; ++i) {
    auto next = i + 1 == kStages
                    ? nullptr
                    : std::make_unique<Next>(inboxes[i], *inboxes[i + 1],
                                             [](Event&&, Verdict, Instant) { std::abort(); });
    pipeline.Run(*inboxes[i], pool, batch,
                 std::make_unique<Relay>(*inboxes[i], std::move(next), ended));
  }
  pool.BindToThread();
  std::vector<Event> events(batch);
  std::uint64_t sent = 0;
  for (auto _ : state) {
    events.assign(batch, Event{.number = sent, .arrived = clock.Now()});
    if (!inboxes.front()->Reserve(state.range(0), 100 * state.range(0))) std::abort();
    inboxes.front()->Commit(events);
    while (pool.Turn(64) > 0) continue;
    sent += batch;
  }
  if (ended != sent) state.SkipWithError("not every event came through");
  CountEvents(state);
}
BENCHMARK(SixStages)->Arg(1)->Arg(16)->Arg(64)->Arg(256);

// Reserve, commit, take, leave: producer and consumer on one thread.
void OneInbox(benchmark::State& state) {
  const auto batch = static_cast<std::size_t>(state.range(0));
  const SteadyClock clock;
  Pipeline pipeline(clock);
  Pool& pool = pipeline.AddPool("loop", {.threads = 0});
  Inbox<Event>& inbox = pipeline.Open<Event>("stage", 0, InboxOptions(), MakeController("none"));
  std::uint64_t ended = 0;
  pipeline.Run(inbox, pool, batch, std::make_unique<Relay>(inbox, nullptr, ended));
  pool.BindToThread();
  std::vector<Event> events(batch);
  std::vector<Event> taken;
  for (auto _ : state) {
    events.resize(batch);
    if (!inbox.Reserve(state.range(0), 100 * state.range(0))) std::abort();
    inbox.Commit(events);
    taken.clear();
    inbox.Take(taken, batch);
    inbox.Leave(static_cast<std::int64_t>(taken.size()), 100 * state.range(0));
    benchmark::DoNotOptimize(taken.data());
  }
  CountEvents(state);
}
BENCHMARK(OneInbox)->Arg(1)->Arg(16)->Arg(64)->Arg(256);

}  // namespace
}  // namespace spillgate::flow
