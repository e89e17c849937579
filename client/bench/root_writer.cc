#include "client/bench/root_writer.h"

#include <algorithm>

#include "core/base/digest.h"
#include "core/base/format.h"
#include "schema/messages.h"

namespace spillgate::bench {
namespace {

constexpr std::uint32_t kGraphTasks = 10;  // of a chain or a fan
// A tree: so many children to each, for so many generations.
constexpr std::uint32_t kChildren = 3;
constexpr std::uint32_t kGenerations = 2;
constexpr std::uint32_t kTreeTasks = 1 + kChildren + kChildren * kChildren;

std::uint64_t Micro(Instant now) {
  return static_cast<std::uint64_t>(now.time_since_epoch() / std::chrono::microseconds(1));
}

}  // namespace

std::uint32_t TasksOf(RootShape shape) {
  switch (shape) {
    case RootShape::kSingle: return 1;
    case RootShape::kChain:
    case RootShape::kFan: return kGraphTasks;
    case RootShape::kNested: break;
  }
  return kTreeTasks;
}

std::string RootFunction(RootShape shape, std::string_view work, std::size_t mode) {
  constexpr std::string_view kSuffixes[] = {"", "_long", "_longest"};
  std::string_view name = work;
  if (shape == RootShape::kNested) name = "tree";
  if (shape == RootShape::kChain || shape == RootShape::kFan) name = "step";
  return Format("{}{}", name, kSuffixes[mode]);
}

RootWriter::RootWriter(RootShape shape, std::string_view work)
    : shape_(shape), work_(work), tasks_(TasksOf(shape)) {
  if (shape == RootShape::kChain) graph_ = MakeGraph(Shape::kChain, tasks_);
  if (shape == RootShape::kFan) graph_ = MakeGraph(Shape::kFan, tasks_);
  values_.resize(graph_.size());
}

void RootWriter::Write(const RootToSend& root, Nanos slot_time, WireClient& wire) {
  if (opens()) return WriteGraph(root, slot_time, wire);
  writer_.Begin({.cls = root.cls,
                 .retry = root.retry,
                 .flags = wire::kPush,
                 .function = root.function,
                 .remaining_us = root.remaining_us,
                 .first_seq = root.first_seq});
  writer_.BeginTask();
  if (shape_ == RootShape::kNested) writer_.AddInline(AsBytes(work_));
  writer_.AddInline(AsBytes(std::to_string(root.cost_us)));
  if (shape_ == RootShape::kNested) {
    writer_.AddInline(AsBytes(std::to_string(kChildren)));
    writer_.AddInline(AsBytes(std::to_string(kGenerations)));
  }
  writer_.AddInline(nonces_.Of(root.first_seq));
  writer_.Finish(wire.NextCorrelation(), Micro(root.now), wire.out());
}

// Opened, filled and closed at once: the node judges the root by what opens it. If it is refused,
// there is no such root for its tasks.
void RootWriter::WriteGraph(const RootToSend& root, Nanos slot_time, WireClient& wire) {
  const std::uint64_t first_task = root.first_seq + 1;
  wire::Encode(wire::OpenRoot{.seq = root.first_seq,
                              .cls = root.cls,
                              .remaining_us = root.remaining_us,
                              .estimated_tasks = tasks_,
                              .slot_time_ns = static_cast<std::uint64_t>(slot_time.count())},
               wire.NextCorrelation(), wire.out(), Micro(root.now));
  writer_.Begin({.cls = root.cls,
                 .flags = wire::kPush,
                 .function = root.function,
                 .root = root.first_seq,
                 .first_seq = first_task});
  const std::string cost = std::to_string(root.cost_us);
  for (std::uint32_t task = 0; task < tasks_; ++task) {
    writer_.BeginTask();
    writer_.AddInline(AsBytes(work_));
    writer_.AddInline(AsBytes(cost));
    writer_.AddInline(AsBytes(std::string_view("0")));
    writer_.AddInline(nonces_.Of(first_task + task));
    for (const std::uint32_t from : graph_[task]) {
      writer_.AddObject({.task = {wire.session(), first_task + from}});
    }
  }
  writer_.Finish(wire.NextCorrelation(), Micro(root.now), wire.out());
  wire::Encode(wire::CloseRoot{.seq = root.first_seq}, wire.NextCorrelation(), wire.out());
}

bool RootWriter::Matches(std::uint64_t first_seq, ByteView value) {
  if (opens()) return AsText(value) == ResultOfGraph(first_seq);
  if (shape_ == RootShape::kSingle) return nonces_.Matches(first_seq, value);
  const std::string_view nonce = AsText(nonces_.Of(first_seq));
  return AsText(value) == Format("{}{}", nonce, kTreeTasks);
}

// As `step` computes it: it depends on every task, and on whose results each was given.
std::string RootWriter::ResultOfGraph(std::uint64_t first_seq) {
  for (std::uint32_t task = 0; task < tasks_; ++task) {
    Digest digest;
    digest.Add(AsText(nonces_.Of(first_seq + 1 + task)));
    for (const std::uint32_t from : graph_[task]) digest.Add(values_[from]);
    values_[task] = digest.Stretch(0);
  }
  return values_.back();
}

}  // namespace spillgate::bench
