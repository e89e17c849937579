// The library of functions that the search's tasks run: mcts_expand and mcts_rollout. Built as
// users build theirs, into mcts_functions.so; runs in worker processes, or in the node if its
// config says host = "in_process".
#include <optional>
#include <string>
#include <vector>

#include "client/examples/mcts/rollout.h"
#include "client/sdk/spillgate/function.h"

namespace spillgate::mcts {
namespace {

// Before its deadline a rollout returns what it has: an answer that is cut short is one, and one
// that comes too late is none. So long it takes for the answer to reach the player.
constexpr sdk::Duration kWayBack = std::chrono::microseconds(700);

std::optional<Question> ReadQuestion(sdk::Context& context) {
  std::optional<Question> question = DecodeQuestion(context.Arg(0));
  if (!question) {
    context.Fail(
        "argument 0 is no question: it has to be what Encode(Question) in rollout.h makes, "
        "by a player of the same version as this library");
  }
  return question;
}

// mcts_rollout(question): its games, played here and now, or as many of them as there is time for.
// Returns the scores of the moves.
void RunRollout(sdk::Context& context) {
  const std::optional<Question> question = ReadQuestion(context);
  if (!question) return;
  const Scores scores = Evaluate(question->board, question->moves, question->seed, [&] {
    return context.Remaining() <= kWayBack || context.Cancelled();
  });
  // A task that was cancelled has been stopped if it returns nothing.
  if (!context.Cancelled()) context.Return(Encode(scores));
}

// mcts_expand(question): a task mcts_rollout for each of its parts, and their sum. Parts that fail
// are left out: the sum of the others is an answer too, if a less certain one.
void Expand(sdk::Context& context) {
  const std::optional<Question> question = ReadQuestion(context);
  if (!question) return;
  std::vector<std::string> parts;
  parts.reserve(question->parts);
  for (std::uint32_t part = 0; part < question->parts; ++part) {
    parts.push_back(
        Encode(Question{question->board, SeedOfPart(*question, part), question->moves, 1}));
  }
  sdk::Batch batch("mcts_rollout");
  for (const std::string& part : parts) batch.Add({part});
  Scores sum = NoScores(question->board);
  std::size_t answers = 0;
  std::string problem;
  for (const sdk::Result& result : context.TryGet(context.Submit(batch))) {
    const std::optional<Scores> scores = result.ok() ? DecodeScores(result.bytes) : std::nullopt;
    if (scores && Add(*scores, sum)) {
      ++answers;
    } else {
      problem = result.bytes;
    }
  }
  if (answers == 0) return context.Fail("all of its rollouts failed, the last one: " + problem);
  context.Return(Encode(sum));
}

}  // namespace
}  // namespace spillgate::mcts

SPILLGATE_LIBRARY("mcts", spillgate::sdk::Export<spillgate::mcts::Expand>("mcts_expand"),
                  spillgate::sdk::Export<spillgate::mcts::RunRollout>("mcts_rollout"))
