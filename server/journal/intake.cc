#include "server/journal/intake.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "core/base/check.h"
#include "server/journal/format.h"

namespace spillgate::journal {

Intake::Intake(const Bounds& bounds, Lsn next) : bounds_(bounds), next_(next) {
  // The first chunks are there, and touched, before the first record comes: a fresh page costs more
  // than the record.
  const std::size_t at_start = std::clamp<std::size_t>(bounds.new_work / kChunk, 1, 8);
  std::vector<Chunk*> made;
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < at_start; ++i) {
    NewChunk();
    std::memset(current_->memory.get(), 0, kChunk);
    made.push_back(std::exchange(current_, nullptr));
  }
  free_ = std::move(made);
}

Lsn Intake::Commit(JournalBytes& bytes) {
  MutexLock lock(mutex_);
  const Lsn first = next_;
  if (bytes.body <= kMostCopied) {
    Copy(bytes);
  } else {
    TakeOver(bytes);
  }
  next_ += bytes.records;
  return first;
}

void Intake::Copy(const JournalBytes& bytes) {
  std::byte* to = RoomFor(bytes.body);
  std::memcpy(to, bytes.memory.get() + JournalBytes::kFront, bytes.body);
  open_.body += static_cast<std::uint32_t>(bytes.body);
  open_.records += bytes.records;
  open_.commits += 1;
  open_.sync = open_.sync || bytes.sync;
}

void Intake::TakeOver(JournalBytes& bytes) {
  SealOpen();
  const std::size_t size = BlockBytes(bytes.body);
  if (bytes.capacity < size) {  // rare: the body ends less than its padding before the capacity
    auto larger = std::make_unique_for_overwrite<std::byte[]>(size);
    std::memcpy(larger.get(), bytes.memory.get(), JournalBytes::kFront + bytes.body);
    bytes.memory = std::move(larger);
  }
  Block block;
  block.data = bytes.memory.get();
  block.body = static_cast<std::uint32_t>(bytes.body);
  block.records = bytes.records;
  block.commits = 1;
  block.sync = bytes.sync;
  block.first = next_;
  block.owned = std::move(bytes.memory);
  sealed_.push_back(std::move(block));
}

std::byte* Intake::RoomFor(std::size_t body) {
  if (open_.data != nullptr) {
    const auto start = static_cast<std::size_t>(open_.data - current_->memory.get());
    const std::size_t together = open_.body + body;
    if (together <= bounds_.most_body && start + BlockBytes(together) <= kChunk) {
      return open_.data + sizeof(BlockHeader) + open_.body;
    }
    SealOpen();
  }
  if (current_ == nullptr || current_->used + BlockBytes(body) > kChunk) NewChunk();
  open_.data = current_->memory.get() + current_->used;
  open_.first = next_;
  open_.chunk = current_;
  current_->blocks += 1;
  return open_.data + sizeof(BlockHeader);
}

void Intake::SealOpen() {
  if (open_.data == nullptr) return;
  current_->used += BlockBytes(open_.body);
  sealed_.push_back(std::exchange(open_, Block{}));
}

void Intake::NewChunk() {
  if (current_ != nullptr && current_->blocks == 0) {
    current_->used = 0;
    return;
  }
  if (free_.empty()) {
    chunks_.push_back(std::make_unique<Chunk>());
    chunks_.back()->memory = std::make_unique_for_overwrite<std::byte[]>(kChunk);
    free_.push_back(chunks_.back().get());
  }
  current_ = free_.back();
  free_.pop_back();
  current_->used = 0;
}

bool Intake::Empty() {
  MutexLock lock(mutex_);
  return open_.data == nullptr && sealed_.empty();
}

Lsn Intake::Last() {
  MutexLock lock(mutex_);
  return next_ - 1;
}

void Intake::Take(std::vector<Block>& blocks, Instant now) {
  const std::size_t before = blocks.size();
  {
    MutexLock lock(mutex_);
    SealOpen();
    std::move(sealed_.begin(), sealed_.end(), std::back_inserter(blocks));
    sealed_.clear();
  }
  for (std::size_t i = before; i < blocks.size(); ++i) blocks[i].taken = now;
}

void Intake::Release(std::vector<Block>& blocks, std::size_t count) {
  SG_CHECK(count <= blocks.size());
  std::size_t bytes = 0;
  {
    MutexLock lock(mutex_);
    for (std::size_t i = 0; i < count; ++i) {
      bytes += blocks[i].body;
      Chunk* chunk = blocks[i].chunk;
      if (chunk == nullptr || --chunk->blocks > 0) continue;
      if (chunk != current_) {
        free_.push_back(chunk);
      } else {
        chunk->used = 0;  // an open block would have kept it
      }
    }
  }
  Return(bytes);
  blocks.erase(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace spillgate::journal
