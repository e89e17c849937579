#include "tests/server/journal/world.h"

#include <gtest/gtest.h>

#include "core/base/format.h"

namespace spillgate::journal {
namespace {

constexpr Nanos kPromise = std::chrono::milliseconds(20);

std::string Put(std::string_view key, std::string_view value) {
  return Format("put {} {}", key, value);
}

}  // namespace

LogOptions SmallLog(std::uint64_t seed) {
  return {.dir = "/j",
          .segment_bytes = 64 << 10,
          .reserve_segments = 2,
          .buffer_bytes = 32 << 10,
          .completion_bytes = 16 << 10,
          .pace = {.sync_interval = std::chrono::milliseconds(10),
                   .group_records = 64,
                   .linger = std::chrono::microseconds(200)},
          .seed = seed};
}

Status World::Start() {
  options.seed += 1000;  // as a process that starts again has it
  Replay replay;
  const Durable before = std::exchange(durable, {});
  auto opened = Log::Open(
      options, files, clock, [&](Lsn lsn, ByteView record) { return See(replay, lsn, record); },
      [this](const Durable& now) { OnDurable(now); });
  if (!opened.ok()) return opened.error();
  log = std::move(opened).value();
  Compare(replay, before);
  ++restarts;
  first_delivered = replay.first;
  last_delivered = replay.last;
  history.erase(history.upper_bound(replay.last), history.end());
  durable = {.written = replay.last, .synced = durable.synced};
  announced_.clear();
  died.reset();
  power_lost_ = false;
  mark_ = 0;
  return {};
}

Status World::See(Replay& replay, Lsn lsn, ByteView record) {
  const auto known = history.find(lsn);
  const bool right = known != history.end() && known->second == AsText(record) &&
                     (replay.first == 0 || lsn == replay.last + 1);
  if (!right && !replay.wrong) {
    ADD_FAILURE() << "record " << lsn << " after " << replay.last << " is \""
                  << AsText(record).substr(0, 40) << "\"";
  }
  replay.wrong = replay.wrong || !right;
  if (replay.first == 0) replay.first = lsn;
  replay.last = lsn;
  ApplyTo(replay.live, AsText(record));
  return {};
}

// Nothing acknowledged is missing, and what was forgotten was not needed. The owner goes on from
// what was found.
void World::Compare(const Replay& replay, const Durable& before) {
  if (power_lost_) {
    EXPECT_GE(replay.last, before.synced) << "a synced record is lost";
    const Instant until = died.value_or(clock.Now()) - kPromise;
    for (const auto& [lsn, when] : announced_) {
      if (when > until) break;
      EXPECT_GE(replay.last, lsn) << "a written record older than 20 ms is lost";
    }
    if (before.written > replay.last) lost_async += before.written - replay.last;
  } else {
    EXPECT_GE(replay.last, before.written) << "a written record is lost";
  }
  live_ = LiveAt(replay.last);
  EXPECT_EQ(replay.live, live_) << "replay from " << replay.first;
}

void World::Crash() {
  log.reset();
  files.Restart();
}

void World::PowerLoss() {
  log.reset();
  files.PowerLoss();
  power_lost_ = true;
}

Lsn World::Append(Level level, Purpose purpose, std::string_view record) {
  JournalBatch batch(*log, purpose);
  if (!batch.Append(level, {AsBytes(record)})) return 0;
  const Lsn lsn = batch.Commit();
  history[lsn] = record;
  return lsn;
}

void World::StepFor(Nanos time) {
  for (const Instant end = clock.Now() + time; clock.Now() < end;) {
    clock.Advance(kStep);
    Step();
  }
}

void World::OnDurable(const Durable& now) {
  EXPECT_GE(now.written, durable.written);
  EXPECT_GE(now.synced, durable.synced);
  EXPECT_GE(now.written, now.synced);
  if (files.dead()) return;  // and so is the process: nobody hears it
  if (now.written > durable.written) announced_.emplace_back(now.written, clock.Now());
  durable = now;
}

void World::Work() {
  const Purpose purpose = Below(3) == 0 ? Purpose::kCompletion : Purpose::kNewWork;
  JournalBatch batch(*log, purpose);
  std::vector<std::string> records;
  for (std::size_t count = 1 + Below(8); count > 0; --count) {
    std::string record;
    if (live_.size() > 40 || (!live_.empty() && Below(3) == 0)) {
      auto victim = live_.lower_bound(Format("k{}", Below(next_key_ + 1)));
      if (victim == live_.end()) victim = live_.begin();
      record = Format("del {}", victim->first);
    } else {
      const std::size_t size = Below(20) == 0 ? Below(5000) : Below(200);
      record =
          Put(Format("k{}", next_key_++), std::string(size, static_cast<char>('a' + Below(26))));
    }
    const Level level = Below(4) == 0 ? Level::kSync : Level::kAsync;
    // In two parts, as a stage has them.
    const ByteView bytes = AsBytes(record);
    if (!batch.Append(level, {bytes.first(3), bytes.subspan(3)})) break;
    ApplyTo(live_, record);
    records.push_back(std::move(record));
  }
  Lsn lsn = batch.Commit();
  for (std::string& record : records) history[lsn++] = std::move(record);
}

void World::Compact(std::size_t slice) {
  if (mark_ == 0) {
    mark_ = snapshot_last_ = log->BeginCompaction();
    to_snapshot_.clear();
    for (const auto& [key, value] : live_) to_snapshot_.push_back(key);
  }
  for (; slice > 0 && !to_snapshot_.empty(); --slice) {
    const auto found = live_.find(to_snapshot_.back());
    if (found != live_.end()) {
      const Lsn lsn = Append(Level::kAsync, Purpose::kSnapshot, Put(found->first, found->second));
      if (lsn == 0) return;
      snapshot_last_ = lsn;
    }
    to_snapshot_.pop_back();
  }
  if (!to_snapshot_.empty()) return;
  log->EndCompaction(mark_, snapshot_last_);
  mark_ = 0;
}

void World::ApplyTo(std::map<std::string, std::string>& live, std::string_view record) {
  const std::string_view rest = record.substr(std::min<std::size_t>(4, record.size()));
  const std::size_t space = rest.find(' ');
  if (record.starts_with("put ")) {
    live[std::string(rest.substr(0, space))] = rest.substr(space + 1);
  } else if (record.starts_with("del ")) {
    live.erase(std::string(rest));
  }
}

std::map<std::string, std::string> World::LiveAt(Lsn last) const {
  std::map<std::string, std::string> live;
  for (const auto& [lsn, record] : history) {
    if (lsn > last) break;
    ApplyTo(live, record);
  }
  return live;
}

}  // namespace spillgate::journal
