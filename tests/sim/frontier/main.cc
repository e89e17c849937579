// frontier: how much of the work that comes a node could do in time, at most and by the best rule
// that is known, as a JSON object a line. It is what measurements are compared with
// (tests/slow/overload.py); docs/benchmarks.md says what counts.
//
//   frontier [--slots K] [--mix MIX] [--limit LIST] [--tasks N] [--x LIST]
//            [--arrivals N] [--seed S] [--again SEED,PER_S,SECONDS,SERVICE_US,BURST,CAPACITY]
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/sim/frontier/bound.h"
#include "tests/sim/frontier/rules.h"
#include "tests/sim/frontier/sample.h"

namespace spillgate::frontier {
namespace {

constexpr const char* kUsage =
    "usage: frontier [--slots K] [--mix constant|exponential|bimodal|lognormal|heavy]\n"
    "                [--limit LIST] [--tasks N] [--x LIST] [--arrivals N] [--seed S]\n"
    "                [--again SEED,PER_S,SECONDS,SERVICE_US,BURST,CAPACITY]\n"
    "Of a node with K slots [1], for roots that have to be done so many medians [10] after they\n"
    "come, a number for all functions of the mix or one for each, and that come at x times what\n"
    "it can do [0.5,0.7,0.9,1,1.2,2,10]. A root is of so many tasks [1], which cost the same and "
    "run\n"
    "one after the other. --arrivals: how many roots [60000, of heavy ten times that] for each x.\n"
    "--again: beside that, what was possible with the roots of a measurement, which are drawn as\n"
    "its row says (drawn, and capacity_per_s): by a rule that is the best of others like them.\n";
constexpr double kMostSlots = 4096;
constexpr double kMostTasks = 1000;
constexpr double kMostArrivals = 10'000'000;
constexpr double kMostSeed = 1e15;
// The longest of a heavy mix are one in ten thousand, and have a third of the work.
constexpr std::uint32_t kHeavyTimes = 10;

struct Asked {
  Load load;
  std::optional<Measured> again;
  bool has_arrivals = false;
  std::vector<double> x{0.5, 0.7, 0.9, 1, 1.2, 2, 10};
};

std::optional<double> Number(const std::string& text, double least, double most) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(number >= least && number <= most)) return std::nullopt;
  return number;
}

std::optional<std::vector<double>> Numbers(const std::string& list, double least, double most) {
  std::vector<double> numbers;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    const auto number = Number(list.substr(at, end - at), least, most);
    if (!number.has_value()) return std::nullopt;
    numbers.push_back(*number);
    at = end + 1;
  }
  return numbers;
}

bool TakeMeasured(const std::string& value, Asked& asked) {
  const std::optional<std::vector<double>> found = Numbers(value, 0, kMostSeed);
  if (!found.has_value() || found->size() != 6) return false;
  const std::vector<double>& each = *found;
  asked.again = {.seed = static_cast<std::uint64_t>(each[0]),
                 .per_s = each[1],
                 .seconds = each[2],
                 .service_us = each[3],
                 .burst = static_cast<std::uint32_t>(each[4]),
                 .capacity_per_s = each[5]};
  const bool few = each[1] * each[2] <= kMostArrivals;
  return few && each[1] > 0 && each[3] >= 1 && each[4] >= 1 && each[4] <= kMostArrivals &&
         each[5] > 0;
}

// Whether it is an option, and that a value for it.
bool Take(const std::string& option, const std::string& value, Asked& asked) {
  Load& load = asked.load;
  if (option == "--mix") {
    const std::optional<Mix> mix = MixOf(value);
    if (mix.has_value()) load.mix = *mix;
    return mix.has_value();
  }
  const auto put_all = [&value](std::vector<double>& field, double least, double most) {
    auto numbers = Numbers(value, least, most);
    if (numbers.has_value()) field = std::move(*numbers);
    return numbers.has_value();
  };
  if (option == "--again") return TakeMeasured(value, asked);
  if (option == "--x") return put_all(asked.x, 0.01, 1000);
  if (option == "--limit") return put_all(load.limits, 1, 1e6);
  const auto put = [&value](auto& field, double least, double most) {
    const std::optional<double> number = Number(value, least, most);
    if (number.has_value()) field = static_cast<std::remove_reference_t<decltype(field)>>(*number);
    return number.has_value();
  };
  if (option == "--slots") return put(load.slots, 1, kMostSlots);
  if (option == "--tasks") return put(load.tasks, 1, kMostTasks);
  if (option == "--arrivals") {
    asked.has_arrivals = true;
    return put(load.arrivals, 1, kMostArrivals);
  }
  if (option == "--seed") return put(load.seed, 0, kMostSeed);
  return false;
}

// What cannot be told before all options are known; whether it is well.
bool Complete(Asked& asked) {
  Load& load = asked.load;
  const std::size_t functions = CountFunctions(load.mix);
  if (load.limits.size() != 1 && load.limits.size() != functions) {
    std::fprintf(stderr,
                 "frontier: --limit has %zu numbers; it takes 1, or one for each function of %s: "
                 "%zu\n",
                 load.limits.size(), std::string(ToString(load.mix)).c_str(), functions);
    return false;
  }
  if (asked.again.has_value() && asked.x.size() != 1) {
    std::fprintf(stderr, "frontier: --again is of one --x, as a measurement is\n");
    return false;
  }
  if (load.mix == Mix::kHeavy && !asked.has_arrivals) load.arrivals *= kHeavyTimes;
  return true;
}

// As it was given: a number, or a list.
std::string LimitOf(const Load& load) {
  const bool list = load.limits.size() > 1;
  std::ostringstream text;
  for (const double limit : load.limits) {
    text << (text.tellp() > 0 ? "," : list ? "[" : "") << limit;
  }
  text << (list ? "]" : "");
  return text.str();
}

// What was possible with the roots of a measurement. Its rules are not chosen for them, and know of
// costs what others like them have: that nobody can know who has not seen them.
std::string Again(const Load& load, const Measured& measured, const Sample& others,
                  const Rule& blind, const Rule& best) {
  const Sample sample = DrawAgain(load, measured);
  double work = 0;
  for (const Root& root : sample.roots) work += root.cost;
  char text[256];
  std::snprintf(text, sizeof(text),
                ",\"again\":{\"n\":%zu,\"came\":%.4f,\"upper\":%.4f,\"best\":%.4f,\"blind\":%.4f}",
                sample.roots.size(), work / (load.slots * sample.span * load.x), UpperBound(sample),
                Goodput(best, sample, others), Goodput(blind, sample, others));
  return text;
}

void Print(const Asked& asked, const Load& load) {
  const Sample sample = Draw(load);
  const Best blind = BestOf(sample, false);
  const Best clairvoyant = BestOf(sample, true);
  const Best& best = clairvoyant.goodput > blind.goodput ? clairvoyant : blind;
  const std::string again =
      asked.again.has_value() ? Again(load, *asked.again, sample, blind.rule, best.rule) : "";
  std::printf(
      "{\"x\":%g,\"slots\":%u,\"mix\":\"%s\",\"tasks\":%u,\"limit\":%s,\"upper\":%.4f,\"best\":%."
      "4f,"
      "\"rule\":\"%s\",\"blind\":%.4f,\"blind_rule\":\"%s\",\"arrivals\":%u,\"seed\":%llu%s}\n",
      load.x, load.slots, std::string(ToString(load.mix)).c_str(), load.tasks,
      LimitOf(load).c_str(), UpperBound(sample), best.goodput, best.rule.Name().c_str(),
      blind.goodput, blind.rule.Name().c_str(), load.arrivals,
      static_cast<unsigned long long>(load.seed), again.c_str());
  std::fflush(stdout);
}

int Main(const std::vector<std::string>& arguments) {
  Asked asked;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    if (arguments[i] == "-h" || arguments[i] == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    const std::string value = i + 1 < arguments.size() ? arguments[i + 1] : "";
    if (!Take(arguments[i], value, asked)) {
      std::fprintf(stderr, "frontier: %s %s?\n%s", arguments[i].c_str(), value.c_str(), kUsage);
      return 2;
    }
  }
  if (!Complete(asked)) return 2;
  for (const double x : asked.x) {
    asked.load.x = x;
    Print(asked, asked.load);
  }
  return 0;
}

}  // namespace
}  // namespace spillgate::frontier

int main(int argc, char** argv) {
  return spillgate::frontier::Main({argv + 1, argv + argc});
}
