#include "client/examples/mcts/options.h"

#include <charconv>
#include <string_view>

namespace spillgate::mcts {
namespace {

struct Number {
  std::string_view name;
  std::int64_t least;
  std::int64_t most;
  void (*set)(Options& options, std::int64_t value);
};

constexpr Number kNumbers[] = {
    {"--games", 1, 100'000,
     [](Options& o, std::int64_t n) { o.match.games = static_cast<std::uint32_t>(n); }},
    {"--move-ms", 2, 3'600'000,
     [](Options& o, std::int64_t n) { o.search.move_time = std::chrono::milliseconds(n); }},
    {"--spare-us", 0, 1'000'000,
     [](Options& o, std::int64_t n) { o.search.spare = std::chrono::microseconds(n); }},
    {"--slack-ms", 0, 3'600'000,
     [](Options& o, std::int64_t n) { o.slack = std::chrono::milliseconds(n); }},
    {"--opening", 0, 40,
     [](Options& o, std::int64_t n) { o.match.opening = static_cast<std::uint32_t>(n); }},
    {"--seed", 0, INT64_MAX,
     [](Options& o, std::int64_t n) { o.match.seed = static_cast<std::uint64_t>(n); }},
    {"--task-moves", 1, kMostMoves,
     [](Options& o, std::int64_t n) { o.search.moves = static_cast<std::uint32_t>(n); }},
    {"--parts", 1, kMostParts,
     [](Options& o, std::int64_t n) { o.search.parts = static_cast<std::uint32_t>(n); }},
    {"--width", 1, 1024,
     [](Options& o, std::int64_t n) { o.search.width = static_cast<std::uint32_t>(n); }},
    {"--first", 1, 1024,
     [](Options& o, std::int64_t n) { o.search.first = static_cast<std::uint32_t>(n); }},
};

std::string ParseNumber(const Number& number, std::string_view text, Options& options) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  if (!whole || value < number.least || value > number.most) {
    return std::string(number.name) + " is \"" + std::string(text) +
           "\"; it has to be a whole number from " + std::to_string(number.least) + " to " +
           std::to_string(number.most);
  }
  number.set(options, value);
  return {};
}

std::string ParseValue(std::string_view word, std::string_view value, Options& options) {
  if (word == "-a") {
    options.address = value;
    return {};
  }
  if (word == "-o") {
    if (value != "table" && value != "json") {
      return "-o is \"" + std::string(value) + "\"; it has to be table or json";
    }
    options.json = value == "json";
    return {};
  }
  for (const Number& number : kNumbers) {
    if (word == number.name) return ParseNumber(number, value, options);
  }
  return "unknown argument " + std::string(word);
}

}  // namespace

const char* Usage() {
  return "usage: mcts [OPTION VALUE]...\n"
         "Plays Othello against itself: a tree search over a node's tasks, against the same "
         "search\n"
         "on one thread within the same time a move.\n"
         "  -a ADDRESS      of the node; default $SPILLGATE_ADDRESS, else your own node's socket\n"
         "  -o table|json   form of the report\n"
         "  --games N       how many games (100)\n"
         "  --move-ms N     milliseconds for each move (50)\n"
         "  --spare-us N    of these, kept back for what follows the search (1000)\n"
         "  --slack-ms N    a move that many milliseconds over its time is late (10)\n"
         "  --opening N     random moves at the beginning of a game (6)\n"
         "  --seed N        of openings and rollouts (1)\n"
         "  --task-moves N  random moves that one task plays (64000)\n"
         "  --parts N       such tasks that one evaluation spawns (4)\n"
         "  --width N       evaluations under way at a time (2)\n"
         "  --first N       answers to wait for before looking at the tree again (1)\n"
         "  --check         fail unless more is won than lost, with 1.5 times the rollouts a "
         "move,\n"
         "                  and no move late\n"
         "Exit: 0 ok, 1 --check failed, 2 usage, 69 cannot connect.\n";
}

std::string Parse(int count, char** words, Options& options) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "-h" || word == "--help") {
      options.help = true;
      return {};
    }
    if (word == "--check") {
      options.check = true;
      continue;
    }
    if (i + 1 == count) return std::string(word) + " needs a value, or is no argument of mcts";
    if (std::string problem = ParseValue(word, words[++i], options); !problem.empty()) {
      return problem;
    }
  }
  SearchOptions& search = options.search;
  if (search.spare >= search.move_time) return "--spare-us leaves nothing of --move-ms";
  search.tree.moves = search.moves * search.parts;
  return {};
}

}  // namespace spillgate::mcts
