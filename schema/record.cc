#include "schema/record.h"

#include <cstring>
#include <memory>
#include <type_traits>

namespace spillgate::record {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint32_t kMostRuns = 65536;
constexpr std::uint32_t kMostValues = 256;
constexpr std::uint8_t kKeptFlag = 1;
constexpr std::uint8_t kPushFlag = 2;
constexpr std::uint8_t kDetachedFlag = 4;

enum class Type : std::uint8_t {
  kStart = 1,
  kSessionOpened,
  kSessionEnded,
  kSeen,
  kTasks,
  kObject,
  kRootOpened,
  kRootClosed,
  kStarted,
  kEnded,
  kReleased,
  kNotStarted,
};

// Takes fields off the front; after the first that is not there, all are empty and `good` is false.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  template <class T>
  [[nodiscard]] T Take() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    const ByteView bytes = TakeBytes(sizeof(T));
    if (!bytes.empty()) std::memcpy(static_cast<void*>(&value), bytes.data(), sizeof(T));
    return value;
  }
  [[nodiscard]] ByteView TakeBytes(std::size_t size) {
    good_ = good_ && size <= rest_.size();
    if (!good_) return {};
    const ByteView bytes = rest_.first(size);
    rest_ = rest_.subspan(size);
    return bytes;
  }
  [[nodiscard]] ByteView TakeSized() { return TakeBytes(Take<std::uint32_t>()); }
  [[nodiscard]] std::string_view TakeText() { return AsText(TakeSized()); }
  [[nodiscard]] TaskId TakeId() {
    const auto session = Take<std::uint64_t>();
    return {session, Take<std::uint64_t>()};
  }
  [[nodiscard]] std::vector<Run> TakeRuns() {
    const auto count = Take<std::uint32_t>();
    good_ = good_ && count <= kMostRuns && count * sizeof(Run) <= rest_.size();
    std::vector<Run> runs(good_ ? count : 0);
    for (Run& run : runs) {
      run.first = Take<std::uint64_t>();
      run.count = Take<std::uint64_t>();
    }
    return runs;
  }
  template <class E>
  [[nodiscard]] E TakeEnum(E last) {
    const auto value = Take<std::underlying_type_t<E>>();
    good_ = good_ && value <= static_cast<std::underlying_type_t<E>>(last);
    return static_cast<E>(value);
  }
  [[nodiscard]] ByteView TakeRest() { return TakeBytes(rest_.size()); }
  [[nodiscard]] bool done() const { return good_ && rest_.empty(); }
  void Fail() { good_ = false; }

 private:
  ByteView rest_;
  bool good_ = true;
};

Ended ReadEnded(Reader& in) {
  Ended ended{.id = in.TakeId()};
  const auto flags = in.Take<std::uint8_t>();
  ended.kept = (flags & kKeptFlag) != 0;
  ended.push = (flags & kPushFlag) != 0;
  ended.detached = (flags & kDetachedFlag) != 0;
  ended.returns = in.Take<std::uint8_t>();
  ended.level = in.TakeEnum(Level::kSync);
  ended.fate = in.TakeEnum(Fate::kForwarded);
  ended.reason = static_cast<Reason>(in.Take<std::uint16_t>());
  const auto count = in.Take<std::uint32_t>();
  if (count > kMostValues) in.Fail();
  for (std::uint32_t i = 0; i < count && i < kMostValues; ++i) {
    ended.values.push_back(in.TakeSized());
  }
  ended.cause = in.TakeId();
  ended.message = in.TakeText();
  return ended;
}

// Braces make the order of the fields the order of reading.
std::optional<Any> ReadFields(Type type, Reader& in) {
  switch (type) {
    case Type::kStart: return Start{in.Take<std::uint64_t>()};
    case Type::kSessionOpened:
      return SessionOpened{in.Take<std::uint64_t>(), in.Take<std::array<std::byte, 16>>(),
                           in.TakeText()};
    case Type::kSessionEnded: return SessionEnded{in.Take<std::uint64_t>()};
    case Type::kSeen:
      return Seen{in.Take<std::uint64_t>(), in.Take<std::uint64_t>(), in.TakeRuns()};
    case Type::kTasks:
      return Tasks{in.Take<std::uint64_t>(),
                   in.Take<std::int64_t>(),
                   in.TakeText(),
                   in.TakeText(),
                   in.TakeRuns(),
                   in.TakeRest()};
    case Type::kObject:
      return Object{in.TakeId(), in.TakeEnum(Level::kSync), in.Take<std::uint8_t>() != 0,
                    in.TakeRest()};
    case Type::kRootOpened:
      return RootOpened{in.TakeId(), in.TakeEnum(TaskClass::kSheddable), in.Take<std::int64_t>()};
    case Type::kRootClosed: return RootClosed{in.TakeId()};
    case Type::kStarted: return Started{in.TakeId()};
    case Type::kEnded: return ReadEnded(in);
    case Type::kReleased: return Released{in.TakeId(), in.Take<std::uint64_t>()};
    case Type::kNotStarted: return NotStarted{in.TakeId()};
  }
  return std::nullopt;
}

class Writer {
 public:
  Writer(Type type, wire::OutBuffer& out) : out_(out) {
    Put(kVersion).Put(static_cast<std::uint8_t>(type));
  }

  template <class T>
    requires std::is_integral_v<T>
  Writer& Put(T value) {
    return Put(ByteView(std::as_bytes(std::span(&value, 1))));
  }
  Writer& Put(ByteView bytes) {
    out_.Append(bytes);
    return *this;
  }
  Writer& PutSized(ByteView bytes) {
    return Put(static_cast<std::uint32_t>(bytes.size())).Put(bytes);
  }
  Writer& Put(std::string_view text) { return PutSized(AsBytes(text)); }
  Writer& Put(TaskId id) { return Put(id.session).Put(id.seq); }
  Writer& Put(const std::vector<Run>& runs) {
    Put(static_cast<std::uint32_t>(runs.size()));
    for (const Run& run : runs) Put(run.first).Put(run.count);
    return *this;
  }

 private:
  wire::OutBuffer& out_;
};

}  // namespace

void WriteHead(const Start& record, wire::OutBuffer& out) {
  Writer(Type::kStart, out).Put(record.epoch);
}
void WriteHead(const SessionOpened& record, wire::OutBuffer& out) {
  Writer(Type::kSessionOpened, out)
      .Put(record.session)
      .Put(ByteView(record.token))
      .Put(record.tenant);
}
void WriteHead(const SessionEnded& record, wire::OutBuffer& out) {
  Writer(Type::kSessionEnded, out).Put(record.session);
}
void WriteHead(const Seen& record, wire::OutBuffer& out) {
  Writer(Type::kSeen, out).Put(record.session).Put(record.end).Put(record.runs);
}
void WriteHead(const Tasks& record, wire::OutBuffer& out) {
  Writer(Type::kTasks, out)
      .Put(record.session)
      .Put(record.deadline_us)
      .Put(record.function)
      .Put(record.shape)
      .Put(record.indexes);
}
void WriteHead(const Object& record, wire::OutBuffer& out) {
  Writer(Type::kObject, out)
      .Put(record.id)
      .Put(static_cast<std::uint8_t>(record.level))
      .Put(static_cast<std::uint8_t>(record.detached));
}
void WriteHead(const RootOpened& record, wire::OutBuffer& out) {
  Writer(Type::kRootOpened, out)
      .Put(record.id)
      .Put(static_cast<std::uint8_t>(record.cls))
      .Put(record.deadline_us);
}
void WriteHead(const RootClosed& record, wire::OutBuffer& out) {
  Writer(Type::kRootClosed, out).Put(record.id);
}
void WriteHead(const Started& record, wire::OutBuffer& out) {
  Writer(Type::kStarted, out).Put(record.id);
}
void WriteHead(const NotStarted& record, wire::OutBuffer& out) {
  Writer(Type::kNotStarted, out).Put(record.id);
}
void WriteHead(const Ended& ended, const Outcome& outcome, wire::OutBuffer& out) {
  Writer writer(Type::kEnded, out);
  const int flags = (ended.kept ? kKeptFlag : 0) | (ended.push ? kPushFlag : 0) |
                    (ended.detached ? kDetachedFlag : 0);
  writer.Put(ended.id)
      .Put(static_cast<std::uint8_t>(flags))
      .Put(ended.returns)
      .Put(static_cast<std::uint8_t>(ended.level))
      .Put(static_cast<std::uint8_t>(outcome.fate))
      .Put(static_cast<std::uint16_t>(outcome.reason));
  const bool has_values = outcome.fate == Fate::kDone;
  const std::size_t further = outcome.further == nullptr ? 0 : outcome.further->size();
  writer.Put(static_cast<std::uint32_t>(has_values ? 1 + further : 0));
  if (has_values) writer.PutSized(outcome.value.view());
  for (std::size_t i = 0; has_values && i < further; ++i) {
    writer.PutSized((*outcome.further)[i].view());
  }
  const bool told = outcome.failure != nullptr;
  writer.Put(told ? outcome.failure->root_cause : TaskId{});
  writer.Put(told ? std::string_view(outcome.failure->message) : std::string_view());
}
void WriteHead(const Released& record, wire::OutBuffer& out) {
  Writer(Type::kReleased, out).Put(record.first).Put(record.count);
}

std::optional<Any> Read(ByteView bytes) {
  Reader in(bytes);
  const auto version = in.Take<std::uint8_t>();
  const auto type = in.Take<std::uint8_t>();
  if (version != kVersion) return std::nullopt;
  std::optional<Any> record = ReadFields(static_cast<Type>(type), in);
  return record.has_value() && in.done() ? std::move(record) : std::nullopt;
}

}  // namespace spillgate::record
