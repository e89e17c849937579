#include "client/lib/unconfirmed.h"

namespace spillgate::client {
namespace {

constexpr std::size_t kMany = 1024;
// Of a node that answers nothing the oldest are given up: it keeps those results for longer.
constexpr std::size_t kMost = 65536;

bool IsLater(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) > 0;
}

}  // namespace

void Unconfirmed::Released(std::uint32_t correlation, std::span<const wire::Range> ranges) {
  for (const wire::Range& range : ranges) Add({.correlation = correlation, .range = range});
}

void Unconfirmed::Closed(std::uint32_t correlation, std::uint64_t root) {
  Add({.correlation = correlation, .root = root, .range = {}});
}

void Unconfirmed::Add(const Said& said) {
  if (said_.size() >= kMost) said_.pop_front();
  said_.push_back(said);
}

void Unconfirmed::Forget(std::uint32_t answered) {
  while (!said_.empty() && IsLater(answered, said_.front().correlation)) said_.pop_front();
  if (said_.size() < kMany) asked_ = false;
}

bool Unconfirmed::WantsAnswer() {
  if (asked_ || said_.size() < kMany) return false;
  asked_ = true;
  return true;
}

void Unconfirmed::TakeAll(std::vector<wire::Range>& ranges, std::vector<std::uint64_t>& roots) {
  for (const Said& said : said_) {
    if (said.root != 0) {
      roots.push_back(said.root);
    } else {
      ranges.push_back(said.range);
    }
  }
  Clear();
}

void Unconfirmed::Clear() {
  said_.clear();
  asked_ = false;
}

}  // namespace spillgate::client
