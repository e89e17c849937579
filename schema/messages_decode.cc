// Bytes to messages.
#include <cstddef>

#include "core/model/outcome.h"
#include "schema/cold_generated.h"
#include "schema/field_reader.h"
#include "schema/messages.h"
#include "schema/submit.h"

namespace spillgate::wire {
namespace {

static_assert(sizeof(ObjectName) == 24 && offsetof(ObjectName, index) == 16);
static_assert(sizeof(Range) == 24 && offsetof(Range, count) == 16);
static_assert(sizeof(TaskStatus) == 32 && offsetof(TaskStatus, age_us) == 16 &&
              offsetof(TaskStatus, state) == 24 && offsetof(TaskStatus, fate) == 25 &&
              offsetof(TaskStatus, reason) == 26 && offsetof(TaskStatus, attempt) == 28);

constexpr TaskClass kLastClass = TaskClass::kSheddable;

bool Wraps(const Range& range) {
  return range.first.seq + range.count < range.first.seq;
}

bool IsKnown(const TaskStatus& task) {
  return task.state <= TaskState::kEnded &&
         task.fate <= static_cast<std::uint8_t>(Fate::kForwarded);
}

// None at all would never be answered.
std::span<const ObjectName> ReadIds(const flatbuffers::Vector<const fbs::Object*>* vector,
                                    FieldReader& fields) {
  const auto ids = fields.Vector<ObjectName>(vector, kMostObjects);
  fields.Require(!ids.empty(), "no ids");
  return ids;
}

}  // namespace

Decoded<Greeting> DecodeGreeting(const FrameView& frame) {
  return Read<fbs::Greeting, Greeting>(frame, [](const auto& m, FieldReader& fields) {
    return Greeting{.version_min = m.version_min(),
                    .version_max = m.version_max(),
                    .auth_required = m.auth_required(),
                    .nonce = fields.Struct<Token>(m.nonce())};
  });
}

Decoded<Hello> DecodeHello(const FrameView& frame) {
  return Read<fbs::Hello, Hello>(frame, [](const auto& m, FieldReader& fields) {
    fields.Require((m.session() & kChildBit) == 0, "the top bit of a session is always 0");
    return Hello{.version_min = m.version_min(),
                 .version_max = m.version_max(),
                 .kind = fields.Enum(m.kind(), Kind::kPeer),
                 .session = m.session(),
                 .resume_token = fields.Struct<Token>(m.resume_token()),
                 .name = fields.Name(m.name()),
                 .mac = fields.Struct<Mac>(m.mac()),
                 .software = fields.Name(m.software())};
  });
}

Decoded<Welcome> DecodeWelcome(const FrameView& frame) {
  return Read<fbs::Welcome, Welcome>(frame, [](const auto& m, FieldReader& fields) {
    return Welcome{.version = m.version(),
                   .resumed = m.resumed(),
                   .session = m.session(),
                   .resume_token = fields.Struct<Token>(m.resume_token()),
                   .node = fields.Name(m.node()),
                   .epoch = m.epoch(),
                   .next_seq = std::max<std::uint64_t>(1, m.next_seq()),
                   .max_payload = m.max_payload(),
                   .ids_per_get = m.ids_per_get(),
                   .deps_per_task = m.deps_per_task(),
                   .inline_value = m.inline_value(),
                   .max_batch = m.max_batch()};
  });
}

Decoded<Register> DecodeRegister(const FrameView& frame) {
  return Read<fbs::Register, Register>(frame, [](const auto& m, FieldReader& fields) {
    return Register{.name = fields.Name(m.name())};
  });
}

Decoded<Registered> DecodeRegistered(const FrameView& frame) {
  return Read<fbs::Registered, Registered>(frame, [](const auto& m, FieldReader& fields) {
    return Registered{.function = m.function(),
                      .host = m.host(),
                      .reason = fields.ToReason(m.reason()),
                      .detail = fields.Text(m.detail())};
  });
}

Decoded<Shape> DecodeShape(const FrameView& frame) {
  return Read<fbs::Shape, Shape>(frame, [](const auto& m, FieldReader& fields) {
    return Shape{.text = fields.Name(m.text())};
  });
}

Decoded<Shaped> DecodeShaped(const FrameView& frame) {
  return Read<fbs::Shaped, Shaped>(frame, [](const auto& m, FieldReader& fields) {
    return Shaped{.shape = m.shape(),
                  .reason = fields.ToReason(m.reason()),
                  .detail = fields.Text(m.detail())};
  });
}

Decoded<OpenRoot> DecodeOpenRoot(const FrameView& frame) {
  return Read<fbs::OpenRoot, OpenRoot>(frame, [](const auto& m, FieldReader& fields) {
    return OpenRoot{.seq = fields.Seq(m.seq()),
                    .cls = fields.Enum(m.cls(), kLastClass),
                    .level = fields.Enum(m.level(), Level::kSync),
                    .remaining_us = fields.Time(m.remaining_us()),
                    .estimated_tasks = m.estimated_tasks(),
                    .shape = m.shape(),
                    .slot_time_ns = fields.Time(m.slot_time_ns())};
  });
}

Decoded<CloseRoot> DecodeCloseRoot(const FrameView& frame) {
  return Read<fbs::CloseRoot, CloseRoot>(frame, [](const auto& m, FieldReader& fields) {
    return CloseRoot{.seq = fields.Seq(m.seq())};
  });
}

Decoded<Credits> DecodeCredits(const FrameView& frame) {
  return Read<fbs::Credits, Credits>(frame, [](const auto& m, FieldReader&) {
    return Credits{.window = {m.critical(), m.high(), m.normal(), m.sheddable()},
                   .ttl_ms = m.ttl_ms(),
                   .load_level = m.load_level()};
  });
}

Decoded<Get> DecodeGet(const FrameView& frame) {
  return Read<fbs::Get, Get>(frame, [](const auto& m, FieldReader& fields) {
    return Get{.ids = ReadIds(m.ids(), fields), .timeout_us = fields.Time(m.timeout_us())};
  });
}

Decoded<Wait> DecodeWait(const FrameView& frame) {
  return Read<fbs::Wait, Wait>(frame, [](const auto& m, FieldReader& fields) {
    return Wait{.ids = ReadIds(m.ids(), fields),
                .needed = m.needed(),
                .timeout_us = fields.Time(m.timeout_us())};
  });
}

Decoded<WaitDone> DecodeWaitDone(const FrameView& frame) {
  return Read<fbs::WaitDone, WaitDone>(frame, [](const auto& m, FieldReader& fields) {
    WaitDone done{.timed_out = m.timed_out(), .reason = fields.ToReason(m.reason())};
    const std::uint32_t count = m.count();
    fields.Require(count <= kMostObjects, "more positions than ids can have been asked for");
    const std::uint32_t bytes = m.ready() == nullptr ? 0 : m.ready()->size();
    fields.Require(bytes == (std::uint64_t{count} + 7) / 8, "its bits are not as many as it says");
    if (!fields.problem().what.empty()) return done;
    for (std::uint32_t i = 0; i < count; ++i) {
      done.ready.push_back((m.ready()->Get(i / 8) >> (i % 8) & 1) != 0);
    }
    return done;
  });
}

Decoded<Put> DecodePut(const FrameView& frame) {
  return Read<fbs::Put, Put>(frame, [](const auto& m, FieldReader& fields) {
    fields.Require((m.flags() & ~kDetach) == 0, "a put has unknown flags");
    return Put{.seq = fields.Seq(m.seq()),
               .level = fields.Enum(m.level(), Level::kSync),
               .flags = m.flags()};
  });
}

Decoded<Cancel> DecodeCancel(const FrameView& frame) {
  return Read<fbs::Cancel, Cancel>(frame, [](const auto& m, FieldReader& fields) {
    return Cancel{.ids = fields.Vector<TaskId>(m.ids(), kMostObjects)};
  });
}

Decoded<Cancelled> DecodeCancelled(const FrameView& frame) {
  return Read<fbs::Cancelled, Cancelled>(frame, [](const auto& m, FieldReader&) {
    return Cancelled{.count = m.count(), .already_done = m.already_done()};
  });
}

Decoded<Release> DecodeRelease(const FrameView& frame) {
  return Read<fbs::Release, Release>(frame, [](const auto& m, FieldReader& fields) {
    const auto ranges = fields.Vector<Range>(m.ranges(), kMostObjects);
    fields.Require(std::none_of(ranges.begin(), ranges.end(), Wraps), "a range wraps around");
    return Release{.ranges = ranges};
  });
}

Decoded<Stats> DecodeStats(const FrameView& frame) {
  return Read<fbs::Stats, Stats>(frame, [](const auto& m, FieldReader& fields) {
    return Stats{.what = fields.Name(m.what())};
  });
}

Decoded<Drain> DecodeDrain(const FrameView& frame) {
  return Read<fbs::Drain, Drain>(frame, [](const auto& m, FieldReader& fields) {
    return Drain{.timeout_us = fields.Time(m.timeout_us())};
  });
}

Decoded<Drained> DecodeDrained(const FrameView& frame) {
  return Read<fbs::Drained, Drained>(frame, [](const auto& m, FieldReader&) {
    return Drained{.left = m.left(), .handed_over = m.handed_over()};
  });
}

Decoded<Error> DecodeError(const FrameView& frame) {
  return Read<fbs::Error, Error>(frame, [](const auto& m, FieldReader& fields) {
    return Error{.reason = fields.ToReason(m.reason()), .message = fields.Text(m.message())};
  });
}

Decoded<Status> DecodeStatus(const FrameView& frame) {
  return Read<fbs::Status, Status>(frame, [](const auto& m, FieldReader& fields) {
    return Status{.ids = fields.Vector<TaskId>(m.ids(), kMostObjects)};
  });
}

Decoded<Statuses> DecodeStatuses(const FrameView& frame) {
  return Read<fbs::Statuses, Statuses>(frame, [](const auto& m, FieldReader& fields) {
    const auto tasks = fields.Vector<TaskStatus>(m.tasks(), kMostObjects);
    fields.Require(std::all_of(tasks.begin(), tasks.end(), IsKnown), "a state is out of its range");
    return Statuses{.tasks = tasks};
  });
}

}  // namespace spillgate::wire
