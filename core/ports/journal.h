// Journal: the node's append log. A stage collects the records of a batch in a JournalBatch of its
// own and commits them together, which takes the journal's one lock once and allocates nothing; the
// journal's thread writes and syncs them, and says through the callback it was made with how far it
// has come. Nobody who appends ever waits for a disk. Commit, Reserve and the questions are safe
// from any thread; a JournalBatch belongs to one.
//
// Whoever replays the log sees every record that was acknowledged, in order of Lsn, and after a
// compaction also some older ones: it ignores what concerns things that it does not know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "core/base/buffer.h"
#include "core/model/level.h"

namespace spillgate {

using Lsn = std::uint64_t;  // position in the sequence of records, from 1; 0 is "nothing"

// Decides which room a record may take, in memory and on a full disk.
enum class Purpose : std::uint8_t {
  kNewWork,     // refused while the journal is not accepting
  kCompletion,  // of what was accepted: has room that new work cannot take
  kSnapshot,  // of a compaction: makes room on a full disk, but takes no more memory than new work
};

// How far the journal is. Requests of level async wait for `written`, those of level sync for
// `synced`. Whoever waits for a record up to `unknown` that is not covered by what it waits for
// should be told that its fate is unknown: the disk fails, and goes on being tried.
struct Durable {
  Lsn written = 0;
  Lsn synced = 0;
  Lsn unknown = 0;

  friend bool operator==(const Durable&, const Durable&) = default;
};

struct JournalState {
  bool accepting = true;  // new work
  std::string why_not;    // and what to do about it
};

// Records of one batch as the journal lays them out: room for its header, then each record with its
// length before it.
struct JournalBytes {
  static constexpr std::size_t kFront = 64;
  static constexpr std::size_t kPerRecord = 4;

  std::unique_ptr<std::byte[]> memory;
  std::size_t capacity = 0;
  std::size_t body = 0;  // bytes used after kFront
  std::uint32_t records = 0;
  bool sync = false;  // somebody waits until they are synced
};

class Journal {
 public:
  virtual ~Journal() = default;

  // Whether new work is taken: what a verdict asks, one atomic read. State also says why not.
  [[nodiscard]] virtual bool Accepting() const = 0;
  [[nodiscard]] virtual JournalState State() const = 0;

  // Compaction, in slices that suit the owner of the records: take a mark; append, with
  // Purpose::kSnapshot and over as many batches as it takes, everything still needed of what was
  // appended up to it; then say which record was the last of these, or the mark itself if nothing
  // was. Once that is synced, what lies at or before the mark is forgotten. What a record tells
  // must be applied to the owner's tables when it is committed, or a snapshot could miss it.
  [[nodiscard]] virtual bool WantsCompaction(std::uint64_t live_bytes) const = 0;
  [[nodiscard]] virtual Lsn BeginCompaction() = 0;
  virtual void EndCompaction(Lsn mark, Lsn last) = 0;

  // For JournalBatch. Room in bytes is taken before records are committed and comes home when they
  // are synced, so a commit cannot fail. Commit answers the Lsn of the first record and may take
  // the memory.
  [[nodiscard]] virtual bool Reserve(std::size_t bytes, Purpose purpose) = 0;
  virtual void Return(std::size_t bytes) = 0;
  [[nodiscard]] virtual Lsn Commit(JournalBytes& bytes) = 0;
  [[nodiscard]] virtual std::size_t MostBytes() const = 0;  // in one batch
};

class JournalBatch final {
 public:
  JournalBatch(Journal& journal, Purpose purpose) : journal_(journal), purpose_(purpose) {}
  ~JournalBatch() { Drop(); }
  JournalBatch(const JournalBatch&) = delete;
  JournalBatch& operator=(const JournalBatch&) = delete;

  // Adds a record made of these parts and answers its position in the batch. Nothing: there is no
  // room for it. New work is then refused; a completion is held back until the journal has synced
  // more, after what is in the batch has been committed.
  [[nodiscard]] std::optional<std::uint32_t> Append(Level level, std::span<const ByteView> parts);
  [[nodiscard]] std::optional<std::uint32_t> Append(Level level,
                                                    std::initializer_list<ByteView> parts) {
    return Append(level, std::span(parts.begin(), parts.size()));
  }

  // Hands the records to the journal's thread, for one wake-up if it sleeps. The record at position
  // i has Lsn `answer + i`; 0 if there are none. Commit before emitting what another thread may
  // complete, or the log has the end of a task before its beginning.
  Lsn Commit();

  // Forgets them.
  void Drop();

  [[nodiscard]] std::uint32_t size() const { return bytes_.records; }

 private:
  static constexpr std::size_t kLease = 16 << 10;  // room taken at a time: an atomic for many
  static constexpr std::size_t kInitial = 64 << 10;

  [[nodiscard]] bool HasRoom(std::size_t size);
  void Grow(std::size_t body);

  Journal& journal_;
  const Purpose purpose_;
  JournalBytes bytes_;
  std::size_t room_ = 0;  // reserved and not used yet
};

}  // namespace spillgate
