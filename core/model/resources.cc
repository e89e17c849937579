#include "core/model/resources.h"

#include "core/base/format.h"

namespace spillgate {
namespace {

// "1.5" from 1500, "0.25" from 250, "-1" from -1000.
std::string FormatThousandths(std::int64_t amount) {
  const auto size = static_cast<std::uint64_t>(amount < 0 ? -(amount + 1) : amount) + (amount < 0);
  std::string text = Format("{}{}", amount < 0 ? "-" : "", size / 1000);
  if (size % 1000 != 0) {
    text += Format(".{:03}", size % 1000);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

// In the largest unit of which there is at least one, with two decimals where they say something.
std::string FormatBytes(std::int64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1024 && unit + 1 < kUnits.size()) {
    size /= 1024;
    ++unit;
  }
  std::string number = Format("{:.2f}", size);
  number.erase(number.find_last_not_of('0') + 1);
  if (number.back() == '.') number.pop_back();
  return Format("{} {}", number, kUnits[unit]);
}

std::string FormatAmount(std::size_t kind, std::int64_t amount) {
  return kind == kMemory ? FormatBytes(amount) : FormatThousandths(amount);
}

}  // namespace

bool Resources::IsNothing() const {
  std::int64_t any = 0;
  for (const std::int64_t each : amount) any |= each;
  return any == 0;
}

// Less than nothing can be free, for a task that waited in a get takes its slot back whether or not
// there is one; what asks for none of that kind fits all the same.
bool Resources::Fits(const Resources& free) const {
  int lacking = 0;  // all kinds without a branch: most fit
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    lacking |= int{amount[kind] != 0} & int{amount[kind] > free.amount[kind]};
  }
  return lacking == 0;
}

Resources& Resources::operator+=(const Resources& other) {
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) amount[kind] += other.amount[kind];
  return *this;
}

Resources& Resources::operator-=(const Resources& other) {
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) amount[kind] -= other.amount[kind];
  return *this;
}

std::size_t ResourceNames::Find(std::string_view name) const {
  for (std::size_t kind = 0; kind < names.size() && kind < kResourceKinds; ++kind) {
    if (names[kind] == name) return kind;
  }
  return kResourceKinds;
}

std::string DescribeShortage(const Resources& need, const Resources& have,
                             const ResourceNames& names) {
  std::string text;
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    if (need.amount[kind] == 0 || need.amount[kind] <= have.amount[kind]) continue;
    const std::string name =
        kind < names.names.size() ? names.names[kind] : Format("resource {}", kind);
    text += Format("{}{} {} of {}", text.empty() ? "" : ", ", name,
                   FormatAmount(kind, need.amount[kind]), FormatAmount(kind, have.amount[kind]));
  }
  return text;
}

}  // namespace spillgate
