#include "client/examples/mcts/report.h"

#include <algorithm>
#include <cstdio>

namespace spillgate::mcts {
namespace {

constexpr std::size_t kLine = 512;

double Millis(Nanos time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

template <class... Values>
std::string Line(const char* format, Values... values) {
  char line[kLine];
  const int size = std::snprintf(line, sizeof(line), format, values...);
  return {line, std::min(static_cast<std::size_t>(std::max(size, 0)), sizeof(line) - 1)};
}

std::string Row(const char* name, const PlayerReport& player, const Options& options) {
  return Line("%-12s %7llu %15.0f %12.2f %12.2f %10llu %10llu %10llu\n", name,
              static_cast<unsigned long long>(player.moves), player.rollouts_per_move(),
              Millis(player.Slowest(0.5)), Millis(player.Slowest(1)),
              static_cast<unsigned long long>(LateMoves(player, options)),
              static_cast<unsigned long long>(player.answers),
              static_cast<unsigned long long>(player.failed));
}

std::string Fields(const PlayerReport& player, const Options& options) {
  return Line(
      "{\"moves\":%llu,\"rollouts_per_move\":%.1f,\"move_ms_p50\":%.3f,\"move_ms_p99\":%.3f,"
      "\"move_ms_max\":%.3f,\"late_moves\":%llu,\"answers\":%llu,\"failed\":%llu,"
      "\"late_answers\":%llu}",
      static_cast<unsigned long long>(player.moves), player.rollouts_per_move(),
      Millis(player.Slowest(0.5)), Millis(player.Slowest(0.99)), Millis(player.Slowest(1)),
      static_cast<unsigned long long>(LateMoves(player, options)),
      static_cast<unsigned long long>(player.answers),
      static_cast<unsigned long long>(player.failed),
      static_cast<unsigned long long>(player.late_answers));
}

}  // namespace

double RolloutRatio(const MatchReport& report) {
  const double theirs = report.second.rollouts_per_move();
  return theirs > 0 ? report.first.rollouts_per_move() / theirs : 0;
}

std::uint64_t LateMoves(const PlayerReport& player, const Options& options) {
  const Nanos most = options.search.move_time + options.slack;
  return static_cast<std::uint64_t>(
      std::count_if(player.took.begin(), player.took.end(), [&](Nanos t) { return t > most; }));
}

std::string Complaint(const MatchReport& report, const Options& options) {
  if (report.won <= report.lost) {
    return Line("%u games won and %u lost: more should be won", report.won, report.lost);
  }
  if (RolloutRatio(report) < options.ratio_wanted) {
    return Line("%.2f times the rollouts a move; it should be %.2f", RolloutRatio(report),
                options.ratio_wanted);
  }
  if (LateMoves(report.first, options) > 0) {
    return Line("%llu moves were late, one %.1f ms over its time",
                static_cast<unsigned long long>(LateMoves(report.first, options)),
                Millis(report.first.Slowest(1) - options.search.move_time));
  }
  return {};
}

std::string ToTable(const MatchReport& report, const Options& options) {
  return Line(
             "%u games, %.0f ms a move: %u won, %u lost, %u drawn; %.2f times the rollouts a "
             "move, where plain threads bring %.2f times\n",
             report.won + report.lost + report.drawn, Millis(options.search.move_time), report.won,
             report.lost, report.drawn, RolloutRatio(report), report.cores) +
         "player         moves  rollouts/move  p50 ms/move  max ms/move       late    answers    "
         " failed\n" +
         Row("over tasks", report.first, options) + Row("one thread", report.second, options);
}

std::string ToJson(const MatchReport& report, const Options& options) {
  return Line("{\"games\":%u,\"won\":%u,\"lost\":%u,\"drawn\":%u,\"rollout_ratio\":%.3f,",
              report.won + report.lost + report.drawn, report.won, report.lost, report.drawn,
              RolloutRatio(report)) +
         Line("\"plain_threads_ratio\":%.3f,", report.cores) +
         Line("\"move_ms\":%.3f,\"slack_ms\":%.3f,", Millis(options.search.move_time),
              Millis(options.slack)) +
         "\"over_tasks\":" + Fields(report.first, options) +
         ",\"one_thread\":" + Fields(report.second, options) + "}\n";
}

}  // namespace spillgate::mcts
