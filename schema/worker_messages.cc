#include "schema/worker_messages.h"

#include <cstddef>

#include "schema/cold_generated.h"
#include "schema/field_reader.h"
#include "schema/table_writer.h"

namespace spillgate::wire {
namespace {

static_assert(sizeof(Slice) == 8 && offsetof(Slice, size) == 4);
static_assert(sizeof(TaskId) == 16 && offsetof(TaskId, seq) == 8);

std::span<const Slice> ReadSlices(const flatbuffers::Vector<const fbs::Slice*>* vector,
                                  const FrameView& frame, FieldReader& fields) {
  const auto slices = fields.Vector<Slice>(vector, kMostSlices);
  std::uint64_t end = 0;  // slices that overlapped could name the same bytes again and again
  for (const Slice& slice : slices) {
    fields.Require(slice.offset >= end, "a slice of the payload overlaps another");
    end = std::uint64_t{slice.offset} + slice.size;
  }
  fields.Require(end <= frame.payload.size(), "a slice lies outside of the payload");
  return slices;
}

}  // namespace

void Encode(const WorkerHello& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.Struct(m.token).U32(m.pid).U8(m.version_min).U8(m.version_max);
  table.Append(FrameType::kWorkerHello, correlation, 0, {}, out);
}

void Encode(const Load& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.U32(m.function).Text(m.name, kMostText).Text(m.library, kMostText);
  table.Append(FrameType::kLoad, correlation, 0, {}, out);
}

void Encode(const Run& m, std::span<const ByteView> args, std::uint32_t correlation,
            OutBuffer& out) {
  TableWriter table;
  table.Struct(m.task).Struct(m.parent).U32(m.function).U8(m.attempt).U8(m.depth).U8(m.returns);
  table.U64(m.remaining_us).U64(m.memory_limit).Slices();
  table.Append(FrameType::kRun, correlation, 0, args, out);
}

void Encode(const Done& m, std::span<const ByteView> values, std::uint32_t correlation,
            OutBuffer& out) {
  TableWriter table;
  table.Struct(m.task).U8(static_cast<std::uint8_t>(m.fate));
  table.U16(static_cast<std::uint16_t>(m.reason)).Text(m.message, kMostText);
  table.Slices();
  table.Append(FrameType::kDone, correlation, 0, values, out);
}

void Encode(const Blocked& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.Struct(m.task).Struct(m.awaited);
  table.Append(FrameType::kBlocked, correlation, 0, {}, out);
}

void Encode(const Resumed& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.Struct(m.task);
  table.Append(FrameType::kResumed, correlation, 0, {}, out);
}

void Encode(const Interrupt& m, std::uint32_t correlation, OutBuffer& out) {
  TableWriter table;
  table.Struct(m.task).U64(m.grace_us);
  table.Append(FrameType::kInterrupt, correlation, 0, {}, out);
}

void Encode(const Stop&, std::uint32_t correlation, OutBuffer& out) {
  WriteHeader({.type = FrameType::kStop, .correlation = correlation}, out.Extend(kHeaderSize));
}

Decoded<WorkerHello> DecodeWorkerHello(const FrameView& frame) {
  return Read<fbs::WorkerHello, WorkerHello>(frame, [](const auto& m, FieldReader& fields) {
    return WorkerHello{.token = fields.Struct<Token>(m.token()),
                       .pid = m.pid(),
                       .version_min = m.version_min(),
                       .version_max = m.version_max()};
  });
}

Decoded<Load> DecodeLoad(const FrameView& frame) {
  return Read<fbs::Load, Load>(frame, [](const auto& m, FieldReader& fields) {
    return Load{.function = m.function(),
                .name = fields.Name(m.name()),
                .library = fields.Path(m.library())};
  });
}

Decoded<Run> DecodeRun(const FrameView& frame) {
  return Read<fbs::Run, Run>(frame, [&frame](const auto& m, FieldReader& fields) {
    return Run{.task = fields.Struct<TaskId>(m.task()),
               .parent = fields.Struct<TaskId>(m.parent()),
               .function = m.function(),
               .attempt = m.attempt(),
               .depth = m.depth(),
               .returns = m.returns(),
               .remaining_us = fields.Time(m.remaining_us()),
               .memory_limit = m.memory_limit(),
               .args = ReadSlices(m.args(), frame, fields)};
  });
}

Decoded<Done> DecodeDone(const FrameView& frame) {
  return Read<fbs::Done, Done>(frame, [&frame](const auto& m, FieldReader& fields) {
    const auto fate = static_cast<Fate>(m.fate());
    fields.Require(fate == Fate::kDone || fate == Fate::kFailed || fate == Fate::kCancelled,
                   "a worker ends a task as done, failed or cancelled");
    return Done{.task = fields.Struct<TaskId>(m.task()),
                .fate = fate,
                .reason = fields.ToReason(m.reason()),
                .message = fields.Text(m.message()),
                .values = ReadSlices(m.values(), frame, fields)};
  });
}

Decoded<Blocked> DecodeBlocked(const FrameView& frame) {
  return Read<fbs::Blocked, Blocked>(frame, [](const auto& m, FieldReader& fields) {
    return Blocked{.task = fields.Struct<TaskId>(m.task()),
                   .awaited = fields.Struct<TaskId>(m.awaited())};
  });
}

Decoded<Resumed> DecodeResumed(const FrameView& frame) {
  return Read<fbs::OneTask, Resumed>(frame, [](const auto& m, FieldReader& fields) {
    return Resumed{.task = fields.Struct<TaskId>(m.task())};
  });
}

Decoded<Interrupt> DecodeInterrupt(const FrameView& frame) {
  return Read<fbs::Interrupt, Interrupt>(frame, [](const auto& m, FieldReader& fields) {
    return Interrupt{.task = fields.Struct<TaskId>(m.task()),
                     .grace_us = fields.Time(m.grace_us())};
  });
}

}  // namespace spillgate::wire
