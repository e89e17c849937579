#include "server/store/objects.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/format.h"
#include "core/base/hash_bytes.h"
#include "core/base/log.h"

namespace spillgate {
namespace {

constexpr std::uint64_t kGrowBytes = 16ULL << 20;  // 16 ms, at 4 us a page

}  // namespace

Result<std::unique_ptr<Objects>> Objects::Make(const Clock& clock, ObjectStore::Options options,
                                               std::unique_ptr<SpillDisk> disk) {
  options.bytes = FreeSpace::Whole(options.bytes);
  options.first_bytes = std::min(options.first_bytes, options.bytes);
  if (disk == nullptr) options.spill_bytes = 0;
  Result<std::unique_ptr<Arena>> arena = Arena::Make(options.bytes);
  if (!arena.ok()) return arena.error();
  if (options.first_bytes > 0) {
    const Status there = arena.value()->Populate(0, options.first_bytes);
    if (!there.ok()) return there.error();
  }
  // tidy: new: nobody else may make one, and so std::make_unique may not
  auto* objects = new Objects(clock, options, std::move(arena).value(), std::move(disk));
  return std::unique_ptr<Objects>(objects);
}

Objects::Objects(const Clock& clock, ObjectStore::Options options, std::unique_ptr<Arena> arena,
                 std::unique_ptr<SpillDisk> disk)
    : arena_(std::move(arena)),
      disk_(std::move(disk)),
      there_(options.first_bytes),
      most_(options.bytes),
      store_(clock, options, [this] { wake_.Notify(); }) {}

Objects::~Objects() {
  ends_.store(true);
  wake_.Notify();
  if (thread_.joinable()) thread_.join();
  // What is left is to free room on the disk, which ends with it.
  while (auto move = store_.NextMove()) store_.Moved(std::move(*move), Status(), 0);
}

void Objects::Start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "sg-objects");
    Run();
  });
}

void Objects::Run() {
  while (!ends_.load()) {
    if (Step()) continue;
    wake_.Prepare();
    if (!Step() && !ends_.load()) wake_.Wait(Nanos(-1));
    wake_.Done();
  }
}

bool Objects::Step() {
  const bool grows = there_ < most_;
  if (grows) Grow();
  std::optional<ObjectStore::Move> move = store_.NextMove();
  if (move.has_value()) CarryOut(std::move(*move));
  return grows || move.has_value();
}

void Objects::Grow() {
  const std::uint64_t bytes = std::min(kGrowBytes, most_ - there_);
  const Status status = arena_->Populate(there_, bytes);
  if (!status.ok()) {
    log::Warn("objects", Format("the store stays at {} of {} bytes: {}", there_, most_,
                                status.error().message));
    most_ = there_;
    return store_.GrowNoMore();
  }
  there_ += bytes;
  store_.Grow(bytes);
}

void Objects::CarryOut(ObjectStore::Move move) {
  using Way = ObjectStore::Move::Way;
  Status status;
  std::uint64_t sum = 0;
  switch (move.way) {
    case Way::kOut: status = WriteOut(move, sum); break;
    case Way::kIn: status = ReadIn(move); break;
    case Way::kFree: status = disk_->Free(move.disk.offset, move.disk.bytes); break;
  }
  if (!status.ok()) log::Warn("objects", status.error().message);
  store_.Moved(std::move(move), status, sum);
}

Status Objects::WriteOut(const ObjectStore::Move& move, std::uint64_t& sum) {
  const ByteView bytes = arena_->bytes().subspan(move.memory, move.bytes);
  sum = HashBytes(bytes, 0);
  return disk_->Write(move.disk.offset, bytes);
}

Status Objects::ReadIn(const ObjectStore::Move& move) {
  const std::span<std::byte> bytes = arena_->bytes().subspan(move.memory, move.bytes);
  if (Status status = disk_->Read(move.disk.offset, bytes); !status.ok()) return status;
  if (HashBytes(bytes, 0) == move.sum) return {};
  return Error{Code::kCorrupt,
               Format("the {} bytes that were spilled at {} are not those that came back: the disk "
                      "is damaged",
                      move.bytes, move.disk.offset)};
}

}  // namespace spillgate
