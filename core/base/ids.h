// Names of things. All are values: copied, compared, hashed, printed.
//
// A client numbers what it submits, so a TaskId never depends on a node or on time: {session, seq}.
// A child's id is derived from its parent, the thread of the parent that spawned it, its position
// there and what it is; a parent that runs again therefore makes the same children, and where it
// spawns something else it makes others. The top bit of `session` tells the two kinds apart.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace spillgate {

using SessionId = std::uint64_t;   // never 0; the top bit is always 0
using FunctionId = std::uint32_t;  // index into the node's function registry; 0 is "none"
using ShapeId = std::uint32_t;   // index into the node's resource shapes; 0 is "the function's own"
using TenantId = std::uint32_t;  // index into the node's tenants
using ConnectionId = std::uint64_t;  // never reused within a process; 0 is "none"

inline constexpr std::uint64_t kChildBit = 1ULL << 63;

// Connections of running tasks have this bit, which no client's has.
inline constexpr ConnectionId kTaskConnection = ConnectionId{1} << 63;

struct TaskId {
  std::uint64_t session = 0;
  std::uint64_t seq = 0;

  [[nodiscard]] bool is_child() const { return (session & kChildBit) != 0; }
  [[nodiscard]] bool is_none() const { return session == 0 && seq == 0; }
  friend auto operator<=>(const TaskId&, const TaskId&) = default;
};

// One returned value of a task, or a put (index 0).
struct ObjectId {
  TaskId task;
  std::uint32_t index = 0;

  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
};

// H(parent, stream, index, digest): XXH3-128 of the four, with kChildBit set. The digest is of what
// the child is (schema/child_spec.h).
[[nodiscard]] TaskId ChildId(TaskId parent, std::uint32_t stream, std::uint64_t index,
                             std::uint64_t digest);

// As people see it: "4f2a…-17" in hexadecimal session and decimal seq, children in hexadecimal
// throughout; ParseTaskId is the inverse and answers nothing for what ToString never prints.
[[nodiscard]] std::string ToString(TaskId id);
[[nodiscard]] std::optional<TaskId> ParseTaskId(std::string_view text);

// A cheap full-avalanche mix (the finalizer of splitmix64); for hash tables, not for security.
[[nodiscard]] constexpr std::uint64_t Mix(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// What the hashes of ids are made with: whoever knows it can number tasks so that they all meet in
// one place of a table. `times` is odd. The same in every process that does not change it, so that
// a stepped run can be repeated.
struct IdHashKey {
  std::uint64_t times = 0x9e3779b97f4a7c15ULL;
  std::uint64_t plus = 0;
};
inline constinit IdHashKey id_hash_key;

// A key that nobody knows, from randomness. Before the first table is made, while there is one
// thread.
void SetIdHashKey(std::uint64_t times, std::uint64_t plus);

}  // namespace spillgate

template <>
struct std::hash<spillgate::TaskId> {
  std::size_t operator()(const spillgate::TaskId& id) const noexcept {
    const spillgate::IdHashKey& key = spillgate::id_hash_key;
    return spillgate::Mix(id.session * key.times + id.seq + key.plus);
  }
};

template <>
struct std::hash<spillgate::ObjectId> {
  std::size_t operator()(const spillgate::ObjectId& id) const noexcept {
    return std::hash<spillgate::TaskId>()(id.task) ^ (id.index * 0x9e3779b97f4a7c15ULL);
  }
};
