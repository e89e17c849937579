#include "server/compaction.h"

#include <algorithm>

namespace spillgate {
namespace {

constexpr std::size_t kRecordsASlice = 256;
// What a session and a record come to in a snapshot, beside their values.
constexpr std::uint64_t kSessionBytes = 256;
constexpr std::uint64_t kRecordBytes = 96;

}  // namespace

Compaction::Compaction(Shared& shared, Journal& journal, std::uint64_t epoch)
    : shared_(shared), journal_(journal), epoch_(epoch), writer_(journal, Purpose::kSnapshot) {}

std::uint64_t Compaction::LiveBytes() {
  MutexLock lock(shared_.table.mutex());
  return static_cast<std::uint64_t>(shared_.in_flight.bytes()) + shared_.table.value_bytes() +
         kSessionBytes * shared_.table.sessions().size() + kRecordBytes * shared_.table.records();
}

void Compaction::Turn() {
  if (!running_) {
    if (!journal_.WantsCompaction(LiveBytes())) return;
    Begin();
  }
  const bool had_room = Slice();
  if (!had_room || next_part_ < parts_.size()) return;
  journal_.EndCompaction(mark_, last_);
  running_ = false;
  parts_.clear();
  ++completed_;
}

void Compaction::Begin() {
  running_ = true;
  started_ = false;
  next_part_ = 0;
  last_ = 0;
  mark_ = journal_.BeginCompaction();
  MutexLock lock(shared_.table.mutex());
  for (const auto& [id, session] : shared_.table.sessions()) {
    if (session->journaled) parts_.push_back({.session = id});
  }
  // The log must not depend on addresses.
  std::sort(parts_.begin(), parts_.end(),
            [](const Part& a, const Part& b) { return a.session < b.session; });
}

// Commits before it lets go of the table: what publication writes down of a task that is open here
// comes behind this, or who replays the log has its end first and its beginning for good.
bool Compaction::Slice() {
  MutexLock lock(shared_.table.mutex());
  const bool had_room = WriteSlice();
  Commit();
  const bool said = SayWhatBegan();
  Commit();
  return had_room && said;
}

void Compaction::Commit() {
  if (writer_.empty()) return;
  const Lsn first = writer_.Commit();
  last_ = std::max(first, journal_.BeginCompaction());
}

// Execution notes beginnings without the table: one that it has committed meanwhile stands before
// the task itself. It says so in the record first, so that a look after the commit misses none.
bool Compaction::SayWhatBegan() {
  while (!not_begun_.empty()) {
    const Record* record = shared_.table.Find(not_begun_.back());
    if (record != nullptr && record->begun.load(std::memory_order_relaxed) &&
        !writer_.Add(Level::kAsync, record::Started{.id = record->id}).has_value()) {
      return false;
    }
    not_begun_.pop_back();
  }
  return true;
}

bool Compaction::WriteSlice() {
  if (!started_) {
    started_ = writer_.Add(Level::kAsync, record::Start{.epoch = epoch_}).has_value();
    if (!started_) return false;
  }
  std::size_t budget = kRecordsASlice;
  for (; next_part_ < parts_.size() && budget > 0; ++next_part_) {
    if (!WritePart(parts_[next_part_], budget)) return false;
    if (budget == 0) break;
    parts_[next_part_] = Part();  // its memory
  }
  return true;
}

bool Compaction::WritePart(Part& part, std::size_t& budget) {
  const Session* session = shared_.table.FindSession(part.session);
  if (session == nullptr) return true;  // it has ended since
  if (!part.opened && !OpenPart(part, *session)) return false;
  for (; part.next_root < part.roots.size() && budget > 0; ++part.next_root, --budget) {
    if (!WriteRoot(part.roots[part.next_root])) return false;
  }
  while (part.next_record < part.records.size() && budget > 0) {
    if (!WriteRecord(part, budget)) return false;
  }
  return true;
}

bool Compaction::OpenPart(Part& part, const Session& session) {
  const record::SessionOpened opened{
      .session = session.id, .token = session.resume_token, .tenant = session.name};
  record::Seen seen{.session = session.id, .end = session.seen.end()};
  session.seen.EachRun(
      [&](std::uint64_t first, std::uint64_t count) { seen.runs.push_back({first, count}); });
  if (!writer_.Add(Level::kAsync, opened).has_value()) return false;
  if (!writer_.Add(Level::kAsync, seen).has_value()) return false;
  for (const auto& [id, root] : shared_.table.roots()) {
    if (root->durable && root->session == session.id) part.roots.push_back(id);
  }
  std::sort(part.roots.begin(), part.roots.end());
  for (const Record* record = session.records; record != nullptr;
       record = record->next_of_session) {
    if (record->level != Level::kNone) part.records.push_back(record->id);
  }
  std::reverse(part.records.begin(), part.records.end());
  part.opened = true;
  return true;
}

bool Compaction::WriteRoot(TaskId id) {
  const RootPtr root = shared_.table.FindRoot(id);
  if (!root) return true;
  const record::RootOpened opened{
      .id = id, .cls = root->cls, .deadline_us = shared_.ToWall(root->deadline)};
  if (!writer_.Add(Level::kAsync, opened).has_value()) return false;
  return !root->closed || writer_.Add(Level::kAsync, record::RootClosed{.id = id}).has_value();
}

// The next record, and those after it that came in the same frame.
bool Compaction::WriteRecord(Part& part, std::size_t& budget) {
  const Record* record = shared_.table.Find(part.records[part.next_record]);
  const Outcome* outcome = nullptr;
  if (record != nullptr) {
    outcome = record->coming != nullptr ? record->coming : &record->outcome;
  }
  if (record == nullptr || (outcome->open() && record->lineage == nullptr)) {
    ++part.next_record;
    --budget;
    return true;
  }
  if (!outcome->open()) {
    const record::Ended kept{.id = record->id,
                             .kept = true,
                             .push = record->push,
                             .detached = record->detached,
                             .returns = record->returns,
                             .level = record->level};
    if (!writer_.Add(Level::kAsync, kept, *outcome).has_value()) return false;
    ++part.next_record;
    --budget;
    return true;
  }
  const Lineage& lineage = *record->lineage;
  const Function* function = shared_.functions.At(record->function);
  const Shape* shape = shared_.shapes.At(lineage.shape);
  record::Tasks tasks{.session = part.session,
                      .deadline_us = lineage.deadline_us,
                      .function = function->name,
                      .shape = shape == nullptr ? std::string_view() : shape->name};
  std::size_t taken = 0;
  for (; part.next_record + taken < part.records.size(); ++taken) {
    const Record* each = shared_.table.Find(part.records[part.next_record + taken]);
    if (each == nullptr || !each->open() || each->coming != nullptr ||
        each->lineage.get() != &lineage) {
      break;
    }
    tasks.indexes.push_back({each->lineage_index, 1});
  }
  if (!writer_.Add(Level::kAsync, tasks, lineage.frame.view()).has_value()) return false;
  for (std::size_t i = 0; i < taken; ++i) {
    const Record* each = shared_.table.Find(part.records[part.next_record + i]);
    if (!each->begun.load(std::memory_order_relaxed)) {
      not_begun_.push_back(each->id);
      continue;
    }
    if (!writer_.Add(Level::kAsync, record::Started{.id = each->id}).has_value()) return false;
  }
  part.next_record += taken;
  budget -= std::min(budget, taken);
  return true;
}

}  // namespace spillgate
