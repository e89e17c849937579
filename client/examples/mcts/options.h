// The command line of `mcts`. Parsed once, before anything else.
#pragma once

#include <cstdint>
#include <string>

#include "client/examples/mcts/match.h"
#include "client/examples/mcts/player.h"

namespace spillgate::mcts {

struct Options {
  std::string address;  // empty: $SPILLGATE_ADDRESS, else the user's own node
  bool json = false;
  bool check = false;  // the match has to be won, with enough rollouts and no late move
  bool help = false;
  double ratio_wanted = 1.5;
  Nanos slack = std::chrono::milliseconds(10);  // a move later than this is late
  MatchOptions match;
  SearchOptions search;
};

[[nodiscard]] const char* Usage();
// The problem in one sentence, or nothing.
[[nodiscard]] std::string Parse(int count, char** words, Options& options);

}  // namespace spillgate::mcts
