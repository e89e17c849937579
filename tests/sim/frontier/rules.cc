#include "tests/sim/frontier/rules.h"

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

namespace spillgate::frontier {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kLongTimes = 10;  // the shortest function: from there on it is a long one

// How much longer a task of a function will run, on average, when it has run for so long: from the
// sample itself, at evenly spaced ages, and on straight lines between them.
class Remaining {
 public:
  explicit Remaining(std::vector<double> costs) {
    if (costs.empty()) return;
    std::sort(costs.begin(), costs.end());
    step_ = costs.back() / kSteps;
    per_step_ = 1 / step_;
    double more = 0;  // summed cost of those that cost more than the age
    std::size_t first = costs.size();
    for (std::size_t i = kSteps; i-- > 0;) {
      const double age = step_ * static_cast<double>(i);
      while (first > 0 && costs[first - 1] > age) more += costs[--first];
      const auto count = static_cast<double>(costs.size() - first);
      means_[i] = count > 0 ? more / count - age : 0;
    }
  }

  [[nodiscard]] double At(double age) const {
    const double place = age * per_step_;
    const auto before = static_cast<std::size_t>(place);
    if (before >= kSteps) return 0;
    const double part = place - static_cast<double>(before);
    return means_[before] * (1 - part) + means_[before + 1] * part;
  }

 private:
  static constexpr std::size_t kSteps = 512;
  double step_ = 0;
  double per_step_ = 0;
  std::array<double, kSteps + 1> means_{};
};

std::vector<Remaining> RemainingOf(const Sample& sample) {
  std::vector<std::vector<double>> costs(sample.functions.size());
  for (const Root& root : sample.roots) costs[root.function].push_back(sample.TaskOf(root));
  std::vector<Remaining> found;
  for (std::vector<double>& each : costs) found.emplace_back(std::move(each));
  return found;
}

// A root that was let in.
struct Job {
  const Root* root = nullptr;
  std::uint32_t done = 0;  // tasks
  double earned = 0;       // of its work, what counts
};

// A task of it.
struct Running {
  Job job;
  double started = 0;
  double ends = 0;
  double at_most_until = kNever;  // as far as the rule knows

  friend bool operator>(const Running& a, const Running& b) { return a.ends > b.ends; }
};

// Work from one time to another, as far as it counts.
double Counted(const Sample& sample, double from, double to) {
  return std::max(0.0, std::min(to, sample.CountsUntil()) - from);
}

// What waits of one function: the first to come is the first to be due, so its two ends are all
// that any order takes from.
struct Waiting {
  std::deque<Job> roots;
  double work = 0;  // as the rule sees it
  bool is_long = false;
};

double MostWait(const Rule& rule, const Function& function) {
  if (rule.bound == Bound::kTime) return rule.most_wait;
  return rule.most_wait * (function.patience - function.mean);
}

// Who knows the costs can tell at a root's arrival when it will start: in the order of arrival it
// takes the first slot that will be free.
double GoodputOfClairvoyant(const Rule& rule, const Sample& sample) {
  std::vector<double> free_at(sample.slots, 0.0);  // a heap: the first in front
  double good = 0;
  for (const Root& root : sample.roots) {
    const Function& function = sample.FunctionOf(root);
    const double start = std::max(root.arrival, free_at.front());
    const double wait = start - root.arrival;
    if (wait > MostWait(rule, function) || wait + root.cost > function.patience) continue;
    std::pop_heap(free_at.begin(), free_at.end(), std::greater<>());
    free_at.back() = start + root.cost;
    good += Counted(sample, start, start + root.cost);
    std::push_heap(free_at.begin(), free_at.end(), std::greater<>());
  }
  return sample.RatioOf(good);
}

class Node {
 public:
  Node(const Rule& rule, const Sample& sample, const std::vector<Remaining>& remaining)
      : rule_(rule), sample_(sample), remaining_(remaining), waiting_(sample.functions.size()) {
    double shortest = kNever;
    for (const Function& each : sample.functions) shortest = std::min(shortest, each.mean);
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      waiting_[i].is_long = rule.lanes && sample.functions[i].mean >= kLongTimes * shortest;
    }
  }

  double Run() {
    for (const Root& root : sample_.roots) {
      RunUntil(root.arrival);
      if (!Admits(root)) continue;
      Enqueue({.root = &root});
      Dispatch(root.arrival);
    }
    RunUntil(kNever);
    return sample_.RatioOf(good_);
  }

 private:
  // What is still to be done of a root.
  [[nodiscard]] double Expected(const Job& job) const {
    if (job.done == 0) return sample_.FunctionOf(*job.root).mean;
    return sample_.TaskOf(*job.root) * (sample_.tasks - job.done);
  }

  // Whether it would go on before a root with that deadline.
  [[nodiscard]] bool GoesBefore(const Job& job, double deadline) const {
    return rule_.order != Order::kDeadline || sample_.DeadlineOf(*job.root) <= deadline;
  }

  // Of what runs, before a root with that deadline has the slot.
  [[nodiscard]] double Left(const Running& running, double now, double deadline) const {
    const Job& job = running.job;
    const double age = now - running.started;
    const double task =
        job.done > 0 ? sample_.TaskOf(*job.root) : age + remaining_[job.root->function].At(age);
    const std::uint32_t tasks = GoesBefore(job, deadline) ? sample_.tasks - job.done : 1;
    return std::min(task * tasks - age, running.at_most_until - now);
  }

  [[nodiscard]] double WaitingBefore(double deadline) const {
    double work = 0;
    for (const Waiting& queue : waiting_) {
      if (queue.roots.empty() || GoesBefore(queue.roots.back(), deadline)) {
        work += queue.work;
        continue;
      }
      for (const Job& job : queue.roots) {
        if (!GoesBefore(job, deadline)) break;
        work += Expected(job);
      }
    }
    return work;
  }

  [[nodiscard]] bool Admits(const Root& root) const {
    if (count_waiting_ == 0 && running_.size() < sample_.slots) return true;
    // In the sum over what runs, a slot's share of it: with the first to end a slot is free.
    const double slots = sample_.slots;
    const double most = MostWait(rule_, sample_.FunctionOf(root)) * slots;
    const double deadline = sample_.DeadlineOf(root);
    double room = (most - WaitingBefore(deadline)) * slots;
    for (auto each = running_.begin(); each != running_.end() && room >= 0; ++each) {
      room -= Left(*each, root.arrival, deadline);
    }
    return room >= 0;
  }

  void RunUntil(double then) {
    while (!running_.empty() && running_.front().ends <= then) {
      const Running ended = running_.front();
      std::pop_heap(running_.begin(), running_.end(), std::greater<>());
      running_.pop_back();
      End(ended);
      Dispatch(ended.ends);
    }
  }

  void End(const Running& ended) {
    const Root& root = *ended.job.root;
    if (waiting_[root.function].is_long) --long_running_;
    const double cost = sample_.TaskOf(root);
    if (ended.ends < ended.started + cost) return;  // cut
    Job job = ended.job;
    ++job.done;
    job.earned += Counted(sample_, ended.started, ended.ends);
    if (job.done < sample_.tasks) {
      Enqueue(job);
    } else if (ended.ends <= sample_.DeadlineOf(root)) {
      good_ += job.earned;
    }
  }

  // By arrival.
  void Enqueue(const Job& job) {
    Waiting& queue = waiting_[job.root->function];
    const auto later = [](const Job& a, const Job& b) { return a.root->arrival < b.root->arrival; };
    queue.roots.insert(std::upper_bound(queue.roots.begin(), queue.roots.end(), job, later), job);
    queue.work += Expected(job);
    ++count_waiting_;
  }

  void Dispatch(double now) {
    while (running_.size() < sample_.slots) {
      const std::optional<Job> job = Take();
      if (!job.has_value()) return;
      const double at_least = rule_.drops ? Expected(*job) : 0;
      if ((rule_.drops || rule_.cuts) && now + at_least > sample_.DeadlineOf(*job->root)) continue;
      Start(*job, now);
    }
  }

  std::optional<Job> Take() {
    Waiting* best = nullptr;
    double least = kNever;
    for (Waiting& queue : waiting_) {
      if (queue.roots.empty()) continue;
      if (queue.is_long && long_running_ + 1 >= sample_.slots) continue;
      const double rank = Rank(queue);
      if (rank >= least) continue;
      least = rank;
      best = &queue;
    }
    if (best == nullptr) return std::nullopt;
    const bool last = rule_.order == Order::kLifo;
    const Job job = last ? best->roots.back() : best->roots.front();
    last ? best->roots.pop_back() : best->roots.pop_front();
    best->work = best->roots.empty() ? 0 : best->work - Expected(job);
    --count_waiting_;
    return job;
  }

  [[nodiscard]] double Rank(const Waiting& queue) const {
    switch (rule_.order) {
      case Order::kFifo: return queue.roots.front().root->arrival;
      case Order::kLifo: return -queue.roots.back().root->arrival;
      case Order::kDeadline: return sample_.DeadlineOf(*queue.roots.front().root);
    }
    return 0;
  }

  void Start(const Job& job, double now) {
    const Root& root = *job.root;
    const double at_most_until = rule_.cuts ? sample_.DeadlineOf(root) : kNever;
    running_.push_back({.job = job,
                        .started = now,
                        .ends = std::min(now + sample_.TaskOf(root), at_most_until),
                        .at_most_until = at_most_until});
    std::push_heap(running_.begin(), running_.end(), std::greater<>());
    if (waiting_[root.function].is_long) ++long_running_;
  }

  const Rule& rule_;
  const Sample& sample_;
  const std::vector<Remaining>& remaining_;  // by function
  std::vector<Waiting> waiting_;             // by function
  std::size_t count_waiting_ = 0;
  std::vector<Running> running_;  // a heap: the first to end in front
  std::uint32_t long_running_ = 0;
  double good_ = 0;
};

// What to try. The bounds are spread over what roots can wait, in steps that change little.
std::vector<Rule> RulesFor(const Sample& sample, bool clairvoyant) {
  constexpr double kShares[] = {0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1};
  constexpr double kTimes[] = {0.25, 0.5, 1, 2, 4, 9, 20, 50};
  std::vector<Rule> rules;
  if (clairvoyant) {
    for (const double share : kShares) {
      rules.push_back({.bound = Bound::kSlack, .most_wait = share, .clairvoyant = true});
    }
    return rules;
  }
  const bool many = sample.functions.size() > 1;
  const auto add = [&](Rule rule) {
    for (const bool drops : {false, true}) {
      rule.drops = drops;
      rules.push_back(rule);
      // Of many functions each always costs the same: none runs that will have to be cut.
      (many ? rule.lanes : rule.cuts) = true;
      if (!many || sample.slots > 1) rules.push_back(rule);
      rule.lanes = rule.cuts = false;
    }
  };
  for (const Order order : {Order::kFifo, Order::kDeadline, Order::kLifo}) {
    if (order == Order::kDeadline && !many) continue;  // would be the same as kFifo
    for (const double share : kShares) {
      add({.order = order, .bound = Bound::kSlack, .most_wait = share});
    }
    for (const double time : kTimes) {
      if (many) add({.order = order, .bound = Bound::kTime, .most_wait = time});
    }
  }
  return rules;
}

double GoodputOf(const Rule& rule, const Sample& sample, const std::vector<Remaining>& remaining) {
  if (rule.clairvoyant) return GoodputOfClairvoyant(rule, sample);
  return Node(rule, sample, remaining).Run();
}

}  // namespace

std::string Rule::Name() const {
  constexpr const char* kOrders[] = {"fifo", "lifo", "edf"};
  std::ostringstream name;
  name << kOrders[static_cast<std::size_t>(order)] << ", wait <= " << most_wait;
  if (bound == Bound::kSlack) name << " of the slack";
  if (clairvoyant) name << ", costs known";
  if (drops) name << ", drops the doomed";
  if (cuts) name << ", stops the late";
  if (lanes) name << ", lanes";
  return name.str();
}

double Goodput(const Rule& rule, const Sample& sample) {
  return Goodput(rule, sample, sample);
}

double Goodput(const Rule& rule, const Sample& sample, const Sample& known) {
  return GoodputOf(rule, sample, RemainingOf(known));
}

Best BestOf(const Sample& sample, bool clairvoyant) {
  const std::vector<Remaining> remaining = RemainingOf(sample);
  Best best;
  for (const Rule& rule : RulesFor(sample, clairvoyant)) {
    const double goodput = GoodputOf(rule, sample, remaining);
    if (goodput > best.goodput) best = {.rule = rule, .goodput = goodput};
  }
  return best;
}

}  // namespace spillgate::frontier
