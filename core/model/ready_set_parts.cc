// Finding, making and letting go of the parts of a ready set.
#include <algorithm>

#include "core/model/ready_set.h"

namespace spillgate {

using ready::Bundle;
using ready::Flow;
using ready::Group;
using ready::Kind;
using ready::Lane;

namespace {

using FlowGroups = Link<&Group::next, &Group::prev>;
using RootBundles = Link<&Bundle::next, &Bundle::prev>;

constexpr std::size_t kFewestKinds = 1024;

}  // namespace

// Inline ones are done when they have begun, and nobody looks at the clock: they stay unknown, and
// are never in the way.
ReadySet::FunctionState& ReadySet::StateOf(const Function& function) {
  while (function.id >= functions_.size()) functions_.emplace_back();
  FunctionState& state = functions_[function.id];
  if (!state.seen) {
    state.seen = true;
    if (function.host == Host::kInline) state.length = 0;
    SetApart(state);
  }
  return state;
}

ReadySet::Tenant& ReadySet::TenantOf(TenantId tenant) {
  if (tenant >= tenants_.size()) tenants_.resize(tenant + 1);
  std::unique_ptr<Tenant>& flows = tenants_[tenant];
  if (flows == nullptr) {
    flows = std::make_unique<Tenant>();
    for (std::size_t cls = 0; cls < kClasses; ++cls) {
      (*flows)[cls].cls = static_cast<TaskClass>(cls);
      (*flows)[cls].account = &account_.Of(static_cast<TaskClass>(cls), tenant);
    }
  }
  return *flows;
}

const Flow* ReadySet::FindFlow(TaskClass cls, TenantId tenant) const {
  if (tenant >= tenants_.size() || tenants_[tenant] == nullptr) return nullptr;
  return &(*tenants_[tenant])[Index(cls)];
}

// Shapes are compared by value, so functions that need the same and are never passed over share a
// lane.
Kind& ReadySet::KindOf(const Task& task) {
  const Function& function = *task.function;
  FunctionState& state = StateOf(function);
  const FunctionId limited = function.slot_limit != 0 || state.apart ? function.id : 0;
  Kind*& recent = state.recent;
  if (recent != nullptr && recent->name.limited == limited && recent->name.shape == *task.shape) {
    return *recent;
  }
  const ready::KindName name{*task.shape, function.host, limited};
  const auto found = kinds_.find(name);
  if (found != kinds_.end()) {
    recent = found->second.get();
    return *recent;
  }
  if (kinds_.size() >= most_kinds_) DropUnusedKinds();
  auto kind = std::make_unique<Kind>(*task.shape, account_.total());
  kind->name = name;
  kind->function = limited != 0 ? &function : nullptr;
  for (std::size_t i = 0; i < kind->lanes.size(); ++i) {
    kind->lanes[i].kind = kind.get();
    kind->lanes[i].line = static_cast<SlackLine>(i % kLines);
  }
  recent = kind.get();
  kinds_.insert({name, std::move(kind)});
  return *recent;
}

std::int64_t ReadySet::SlotsOf(const Kind& kind) const {
  const std::int64_t cpu = kind.name.shape.amount[kCpu];
  return std::max(kind.needs.slots(), cpu > 0 ? total_.amount[kCpu] / cpu : 0);
}

// There can be a kind for every shape and every limited function, more than should be kept for
// ever.
void ReadySet::DropUnusedKinds() {
  for (FunctionState& state : functions_) state.recent = nullptr;
  for (const std::unique_ptr<Tenant>& flows : tenants_) {
    if (flows == nullptr) continue;
    for (Flow& flow : *flows) {
      Group* recent = std::exchange(flow.recent, nullptr);
      if (recent != nullptr && recent->bundles.empty()) FreeGroup(*recent);
    }
  }
  for (auto each = kinds_.begin(); each != kinds_.end();) {
    const auto& lanes = each->second->lanes;
    const bool unused = std::all_of(lanes.begin(), lanes.end(),
                                    [](const Lane& lane) { return lane.groups.empty(); });
    each = unused ? kinds_.erase(each) : std::next(each);
  }
  most_kinds_ = std::max(kFewestKinds, 2 * kinds_.size());
}

Group& ReadySet::GroupOf(Flow& flow, Lane& lane) {
  if (flow.recent != nullptr && flow.recent->lane == &lane) return *flow.recent;
  const auto found = groups_.find({&flow, &lane});
  Group* group = found != groups_.end() ? found->second : nullptr;
  if (group == nullptr) {
    group = free_groups_.Take();
    group->flow = &flow;
    group->lane = &lane;
    FlowGroups::PushFront(flow.groups, group);
    groups_.insert({{&flow, &lane}, group});
  }
  Group* before = std::exchange(flow.recent, group);
  if (before != nullptr && before->bundles.empty()) FreeGroup(*before);
  return *group;
}

void ReadySet::FreeGroup(Group& group) {
  groups_.erase({group.flow, group.lane});
  FlowGroups::Remove(group.flow->groups, &group);
  free_groups_.Give(&group);
}

Bundle& ReadySet::BundleOf(Root& root, Group& group) {
  if (root.ready.own.group == &group) return root.ready.own;
  if (root.ready.own.group == nullptr && root.ready.bundles == nullptr) {
    AddBundle(root.ready.own, root, group);
    return root.ready.own;
  }
  const auto found = further_bundles_.find({&root, &group});
  if (found != further_bundles_.end()) return *found->second;
  if (root.ready.own.group == nullptr) {
    AddBundle(root.ready.own, root, group);
    return root.ready.own;
  }
  Bundle* bundle = free_bundles_.Take();
  further_bundles_.insert({{&root, &group}, bundle});
  AddBundle(*bundle, root, group);
  return *bundle;
}

void ReadySet::AddBundle(Bundle& bundle, Root& root, Group& group) {
  const Flow& flow = *group.flow;
  bundle.root = &root;
  bundle.group = &group;
  bundle.tag = root.ready.tag;
  bundle.order = root.ready.order;
  RootBundles::PushFront(root.ready.bundles, &bundle);
  const bool group_was_empty = group.bundles.empty();
  // New roots come in order among themselves. One that has been served goes to the heap: at the end
  // of the list it would stand in the way of all new ones.
  if (root.ready.tag <= flow.lines[root.line].arrival) {
    group.bundles.Append(&bundle);
  } else {
    group.bundles.Insert(&bundle);
  }
  if (!group_was_empty) return;
  Lane& lane = *group.lane;
  group.tag = flow.tag;
  group.order = flow.order;
  if (lane.groups.empty()) {
    std::vector<Lane*>& lanes = classes_[Index(flow.cls)].lanes;
    lane.place = lanes.size();
    lanes.push_back(&lane);
  }
  lane.groups.Append(&group);
}

void ReadySet::DropBundle(Bundle& bundle) {
  Group& group = *bundle.group;
  Root& root = *bundle.root;
  group.bundles.Remove(&bundle);
  RootBundles::Remove(root.ready.bundles, &bundle);
  bundle.group = nullptr;
  if (&bundle != &root.ready.own) {
    further_bundles_.erase({&root, &group});
    free_bundles_.Give(&bundle);
  }
  if (!group.bundles.empty()) return;
  Lane& lane = *group.lane;
  const Flow& flow = *group.flow;
  lane.groups.Remove(&group);
  if (lane.groups.empty()) {
    std::vector<Lane*>& lanes = classes_[Index(flow.cls)].lanes;
    lanes[lane.place] = lanes.back();
    lanes[lane.place]->place = lane.place;
    lanes.pop_back();
  }
  if (&group != flow.recent) FreeGroup(group);
}

}  // namespace spillgate
