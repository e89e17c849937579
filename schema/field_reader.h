// FieldReader: takes the fields of a verified table over into a message and remembers what is wrong
// with them; Read makes a decoder of that. For schema's own sources; a value on the stack for each
// message.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include "core/model/reason.h"
#include "schema/decoded.h"
#include "schema/flat.h"
#include "schema/frame.h"
#include "schema/messages.h"
#include "schema/text.h"

namespace spillgate::wire {

class FieldReader {
 public:
  // A field that must be so.
  void Require(bool good, std::string_view otherwise, Reason reason = Reason::kMalformed) {
    if (!good && problem_.what.empty()) problem_ = {reason, otherwise};
  }

  [[nodiscard]] std::string Name(const flatbuffers::String* text) {
    const std::string_view name = Bounded(text, kMostName, "a name is longer than 256 bytes");
    Require(IsName(name), "a name is not UTF-8, or has control characters");
    return std::string(name);
  }
  [[nodiscard]] std::string Path(const flatbuffers::String* text) {
    return std::string(Bounded(text, kMostText, "a path is longer than 4096 bytes"));
  }
  // For people: repaired rather than refused.
  [[nodiscard]] std::string Text(const flatbuffers::String* text) {
    return Readable(Bounded(text, kMostText, "a text is longer than 4096 bytes"));
  }

  template <class E>
  [[nodiscard]] E Enum(std::uint8_t value, E last) {
    Require(value <= static_cast<std::uint8_t>(last), "a class, level or kind is out of its range");
    return static_cast<E>(value);
  }
  // A newer peer may give reasons that are not known here.
  [[nodiscard]] Reason ToReason(std::uint16_t number) const {
    return number < kReasons ? static_cast<Reason>(number) : Reason::kBadRequest;
  }
  [[nodiscard]] std::uint64_t Time(std::uint64_t time) const { return std::min(time, kMostTime); }
  [[nodiscard]] std::uint64_t Seq(std::uint64_t seq) {
    Require(seq != 0, "a number is 0; a session counts from 1");
    return seq;
  }

  // A struct that holds bytes, or that has the layout of ours; zeros if it is absent.
  template <class Ours, class Flat>
  [[nodiscard]] Ours Struct(const Flat* from) const {
    static_assert(sizeof(Ours) == sizeof(Flat) && std::is_trivially_copyable_v<Ours>);
    Ours ours{};
    if (from != nullptr) std::memcpy(static_cast<void*>(&ours), from, sizeof(ours));
    return ours;
  }
  template <class Ours, class Flat>
  [[nodiscard]] std::span<const Ours> Vector(const flatbuffers::Vector<const Flat*>* vector,
                                             std::size_t most) {
    const auto items = AsSpan<Ours>(vector);
    Require(items.has_value(), "a vector is not aligned");
    if (!items.has_value()) return {};
    Require(items->size() <= most, "too many items in one frame; use several", Reason::kTooLarge);
    return *items;
  }

  [[nodiscard]] const Problem& problem() const { return problem_; }

 private:
  [[nodiscard]] std::string_view Bounded(const flatbuffers::String* text, std::size_t most,
                                         std::string_view otherwise) {
    if (text == nullptr) return {};
    Require(text->size() <= most, otherwise, Reason::kTooLarge);
    return {text->c_str(), std::min<std::size_t>(text->size(), most)};
  }

  Problem problem_{Reason::kNone, {}};
};

// The message that `make` builds from the verified table, unless something was wrong with it.
template <class Flat, class Message, class Make>
[[nodiscard]] Decoded<Message> Read(const FrameView& frame, Make make) {
  const Flat* table = VerifiedRoot<Flat>(frame.body);
  if (table == nullptr) {
    return Problem{Reason::kMalformed, "the body is not a well-formed FlatBuffer"};
  }
  FieldReader fields;
  Message message = make(*table, fields);
  if (!fields.problem().what.empty()) return fields.problem();
  return message;
}

}  // namespace spillgate::wire
