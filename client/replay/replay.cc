#include "client/replay/replay.h"

#include <algorithm>
#include <span>
#include <utility>

#include "client/replay/run.h"

namespace spillgate::replay {
namespace {

constexpr std::uint64_t kMostValueBytes = 64U << 20;  // that `step` returns

client::Result<client::Root> OpenRootOf(client::Client& client, const Plan& plan,
                                        const ReplayOptions& options) {
  client::RootOptions root;
  root.cls = options.cls;
  root.level = options.level;
  root.deadline = options.timeout;
  root.estimated_tasks = static_cast<std::uint32_t>(plan.times.size());
  if (options.hints) root.slot_time = plan.work / static_cast<std::int64_t>(plan.times.size());
  return client.OpenRoot(root);
}

client::Failure Invalid(std::string message) {
  return {.kind = client::FailureKind::kInvalid, .message = std::move(message)};
}

}  // namespace

double ReplayReport::ratio() const {
  return critical_path > Nanos(0) ? std::chrono::duration<double>(makespan) / critical_path : 0;
}

double ReplayReport::tasks_per_s() const {
  const double seconds = std::chrono::duration<double>(makespan).count();
  return seconds > 0 ? static_cast<double>(tasks) / seconds : 0;
}

client::Result<ReplayReport> Replay(client::Client& client, const Workflow& workflow,
                                    const ReplayOptions& options) {
  if (workflow.steps.empty()) return Invalid("a workflow without tasks cannot be replayed");
  if (options.window == 0) return Invalid("the window is 0; it has to have room for a task");
  const std::uint64_t most = std::min<std::uint64_t>(client.node().max_payload, kMostValueBytes);
  const Result<Plan> plan = MakePlan(workflow, options.scale, most);
  if (!plan.ok()) return Invalid(plan.error().message);
  client::Result<client::Function> function = client.Find(options.function);
  if (!function.ok()) return function.error();

  const SteadyClock clock;
  Run run(client, std::move(function).value(), workflow, plan.value(), options);
  const std::uint64_t reconnects = client.stats().reconnects;
  const Instant begin = clock.Now();
  client::Result<client::Root> root = OpenRootOf(client, plan.value(), options);
  if (!root.ok()) return root.error();
  const client::Status status = run.ToTheEnd(root.value(), After(begin, options.timeout));
  const Nanos makespan = clock.Now() - begin;
  const TaskId id = root.value().id();
  root.value().Close();
  if (!status.ok()) {
    // What is under way would only be in the way of others. Whether it can be stopped changes
    // nothing about the failure.
    (void)client.Cancel(std::span(&id, 1));
    return status.error();
  }
  return ReplayReport{.name = workflow.name,
                      .tasks = workflow.steps.size(),
                      .edges = workflow.edges(),
                      .verified = run.verified(),
                      .bytes = run.bytes(),
                      .makespan = makespan,
                      .critical_path = plan.value().critical_path,
                      .work = plan.value().work,
                      .refused = run.refused(),
                      .reconnects = client.stats().reconnects - reconnects};
}

}  // namespace spillgate::replay
