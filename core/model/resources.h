// Resource vectors: what a node has and what a task holds while it runs. Amounts are thousandths
// ("0.5 gpu" is 500), memory in bytes; the first kinds are fixed, the rest are named by the node's
// config. Pure values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace spillgate {

inline constexpr std::size_t kResourceKinds = 8;
inline constexpr std::size_t kCpu = 0;
inline constexpr std::size_t kGpu = 1;
inline constexpr std::size_t kMemory = 2;
inline constexpr std::size_t kFirstCustom = 3;

struct Resources {
  std::array<std::int64_t, kResourceKinds> amount{};

  [[nodiscard]] bool IsNothing() const;
  [[nodiscard]] bool Fits(const Resources& free) const;  // every kind is at most what is free
  Resources& operator+=(const Resources& other);
  Resources& operator-=(const Resources& other);
  friend bool operator==(const Resources&, const Resources&) = default;
};

// Work by kind: for how long all that the node has of that would be busy with it, in ns.
using NodeTimes = std::array<std::int64_t, kResourceKinds>;

// Names of the kinds on this node, in the order of the vector. Fixed once the config is loaded.
struct ResourceNames {
  std::vector<std::string> names{"cpu", "gpu", "memory"};

  // Index of a name, or kResourceKinds when this node has no such resource.
  [[nodiscard]] std::size_t Find(std::string_view name) const;
};

// "gpu 2 of 1, memory 8 GiB of 4 GiB": each kind of which `need` exceeds `have`, for people; empty
// if it fits.
[[nodiscard]] std::string DescribeShortage(const Resources& need, const Resources& have,
                                           const ResourceNames& names);

}  // namespace spillgate
