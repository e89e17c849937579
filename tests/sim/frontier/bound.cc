// Why this is an upper bound. Take whatever a node could have done with the sample, whether it knew
// the future or not, whatever it refused and in whichever order it ran the rest. Look only at the
// work that it did, as far as that counts, on roots that ended by their deadline: its goodput. Each
// step below keeps that work possible and allows more beside it.
//
//   1. Such a root cost no more than the time from its arrival to its deadline. So the others,
//   whose
//      cost is more than that, may be left out.
//   2. The work was done between the root's arrival and its deadline, by `slots` slots that do one
//      unit of work in a unit of time each. So one server that is `slots` times as fast, may stop
//      and go on at no cost and may share itself out among roots could have done the same: in each
//      instant it does what the slots did together.
//   3. It may also keep what it did for a root that it did not finish.
//
// What this server can do at most is a flow: pieces of work into pieces of time, each piece of work
// into an unbroken stretch of time, from its arrival to its deadline. For such stretches the greedy
// way is the best (Glover, "Maximum matching in a convex bipartite graph", 1967): go through time,
// and give each instant to that of the present pieces whose deadline comes first. For suppose a
// best flow gives an instant to another piece, or to none. If the first-deadline piece goes undone
// in it, let it take the place: no less is done. If it is done later, exchange the two: the other's
// deadline is later than the first's, so it can still be done there. So a best flow becomes the
// greedy one, instant by instant, and never does less. (Pieces as small as one likes: the limit is
// the fluid that is computed here.)
//
// So the greedy amount is at least the goodput of any node. It does not see that a root can be in
// one slot only, that a node does not interrupt what it runs, or that it does not know what comes:
// what rules reach (rules.h) may be well below it, and is at times the better yardstick.
#include "tests/sim/frontier/bound.h"

#include <algorithm>
#include <limits>

namespace spillgate::frontier {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

struct Piece {
  double deadline = 0;
  double left = 0;  // of the root's work
};

// The pieces of one function: their deadlines come in the order of their arrivals.
struct Line {
  std::vector<Piece> pieces;
  std::size_t head = 0;

  [[nodiscard]] double FirstDeadline(double now) {
    while (head < pieces.size() && pieces[head].deadline <= now) ++head;
    return head < pieces.size() ? pieces[head].deadline : kNever;
  }
};

class FastServer {
 public:
  FastServer(double speed, std::size_t functions) : speed_(speed), lines_(functions) {}

  void Add(std::uint32_t function, Piece piece) { lines_[function].pieces.push_back(piece); }

  // Work done from where it was until then.
  double RunUntil(double then) {
    double done = 0;
    while (now_ < then) {
      Line* line = First();
      if (line == nullptr) break;
      Piece& piece = line->pieces[line->head];
      const double end = std::min({then, piece.deadline, now_ + piece.left / speed_});
      if (end == now_ + piece.left / speed_) {
        done += piece.left;
        ++line->head;
      } else {
        done += (end - now_) * speed_;
        piece.left -= (end - now_) * speed_;
      }
      now_ = end;
    }
    now_ = then;
    return done;
  }

 private:
  // The line whose first piece is due first, if there is any piece.
  Line* First() {
    Line* first = nullptr;
    double due = kNever;
    for (Line& line : lines_) {
      const double deadline = line.FirstDeadline(now_);
      if (deadline >= due) continue;
      due = deadline;
      first = &line;
    }
    return first;
  }

  const double speed_;
  std::vector<Line> lines_;
  double now_ = 0;
};

}  // namespace

double UpperBound(const Sample& sample) {
  FastServer server(sample.slots, sample.functions.size());
  double done = 0;
  for (const Root& root : sample.roots) {
    done += server.RunUntil(root.arrival);
    if (root.cost > sample.FunctionOf(root).patience) continue;
    server.Add(root.function, {.deadline = sample.DeadlineOf(root), .left = root.cost});
  }
  done += server.RunUntil(sample.CountsUntil());
  return sample.RatioOf(done);
}

}  // namespace spillgate::frontier
