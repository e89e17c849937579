// Who comes before whom in a ready set, and who comes first in its parts. A tag that has risen
// since its owner was put in its place is noticed here.
#pragma once

#include <cstdint>

#include "core/model/ready_parts.h"
#include "core/model/root.h"

namespace spillgate::ready {

// The bundle that comes first, after any whose root has been served since.
[[nodiscard]] inline Bundle& FirstBundle(Group& group) {
  while (true) {
    Bundle* bundle = group.bundles.First();
    const std::int64_t tag = bundle->root->ready.tag;
    if (bundle->tag == tag) return *bundle;
    group.bundles.Remove(bundle);
    bundle->tag = tag;
    group.bundles.Insert(bundle);
  }
}

[[nodiscard]] inline Group& FirstGroup(Lane& lane) {
  while (true) {
    Group* group = lane.groups.First();
    if (group->tag == group->flow->tag) return *group;
    lane.groups.Remove(group);
    group->tag = group->flow->tag;
    lane.groups.Append(group);
  }
}

[[nodiscard]] inline Task& FirstTask(Group& group) {
  return *FirstBundle(group).tasks.First();
}

// What a root of a nearer line has begun is ended before what is behind that line has its turn: who
// has little time would be late for one long run in between, and all that was done of it for
// nothing. Not of a large one, which could go on for ever.
[[nodiscard]] inline bool EndsFirst(const Task& task) {
  const ReadyRoot& root = task.ready.bundle->root->ready;
  return root.begun && !root.large;
}

// Both wait in the same class.
[[nodiscard]] inline bool Before(const Task& a, const Task& b) {
  const Flow& flow = *a.ready.bundle->group->flow;
  const Flow& other_flow = *b.ready.bundle->group->flow;
  if (flow.tag != other_flow.tag) return flow.tag < other_flow.tag;
  if (flow.order != other_flow.order) return flow.order < other_flow.order;
  const SlackLine line = a.ready.bundle->root->line;
  const SlackLine other_line = b.ready.bundle->root->line;
  if (line < other_line) return !flow.FurtherFirst(line) || EndsFirst(a);
  if (line > other_line) return flow.FurtherFirst(other_line) && !EndsFirst(b);
  const ReadyRoot& root = a.ready.bundle->root->ready;
  const ReadyRoot& other_root = b.ready.bundle->root->ready;
  if (root.tag != other_root.tag) return root.tag < other_root.tag;
  if (root.order != other_root.order) return root.order < other_root.order;
  return TaskOrder::Before(a, b);
}

// Of any class.
[[nodiscard]] inline bool Precedes(const Task& a, const Task& b) {
  const TaskClass cls = a.root->cls;
  return cls != b.root->cls ? cls < b.root->cls : Before(a, b);
}

// Seldom needs to look at the tasks: two groups of one tenant are rarely compared.
[[nodiscard]] inline bool Before(Group& a, Group& b) {
  if (a.tag != b.tag) return a.tag < b.tag;
  if (a.order != b.order) return a.order < b.order;
  return Before(FirstTask(a), FirstTask(b));
}

}  // namespace spillgate::ready
