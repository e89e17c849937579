// FaultyFiles: a disk in memory that fails as disks do. What was written and not synced is in a
// cache: at a power loss each page of it is kept, lost or torn into sectors, in any order, and of
// names that were changed since the folder was synced only the first few changes remain. A failed
// sync forgets which pages it did not write, as Linux does. Any call can be made to fail, a write
// can be short, the disk can be full, and the process can die between two calls.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "server/journal/files.h"

namespace spillgate::journal {

enum class Op { kRead, kWrite, kSync, kAllocate, kOpen, kCreate, kRename, kRemove, kSyncDir };

class FaultyFiles final : public Files {
 public:
  explicit FaultyFiles(std::uint64_t seed) : random_(seed) {}

  // From the `nth` call of this kind on, counted from 1, `times` of them fail.
  void Fail(Op op, std::uint64_t nth, Code code, std::uint64_t times = 1);
  void StopFailing() { faults_.clear(); }
  void ShortWrites(bool on) { short_writes_ = on; }
  void SetCapacity(std::uint64_t bytes) { capacity_ = bytes; }  // for files to take

  // After so many more calls that change something, none has an effect: the process is dead. The
  // last one may be half done.
  void DieAfter(std::uint64_t calls) { die_at_ = changes_ + calls; }
  [[nodiscard]] bool dead() const { return changes_ >= die_at_; }
  [[nodiscard]] std::uint64_t changes() const { return changes_; }

  void Restart();    // the process: what it wrote is there
  void PowerLoss();  // and the machine: what it did not sync may not be

  [[nodiscard]] std::vector<std::string> Names() const;
  [[nodiscard]] std::vector<std::byte>& Contents(const std::string& path);
  [[nodiscard]] std::uint64_t SyncsOf(const std::string& path) const;
  // All files as they are, to go back to.
  using Image = std::map<std::string, std::vector<std::byte>>;
  [[nodiscard]] Image Save() const;
  void Load(const Image& image);

  [[nodiscard]] Status MakeDir(const std::string&) override { return {}; }
  [[nodiscard]] Result<std::unique_ptr<DirLock>> Lock(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> List(const std::string& dir) override;
  [[nodiscard]] Result<std::unique_ptr<File>> Open(const std::string& path) override;
  [[nodiscard]] Result<std::unique_ptr<File>> Create(const std::string& path) override;
  [[nodiscard]] Status Rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Status Remove(const std::string& path) override;
  [[nodiscard]] Status SyncDir(const std::string& dir) override;

 private:
  friend class FaultyFile;
  static constexpr std::size_t kSector = 512;
  static constexpr std::size_t kSectorsPerPage = 8;

  struct Node {
    std::vector<std::byte> cache;  // what programs read
    std::vector<std::byte> disk;
    std::set<std::size_t> dirty;  // sectors that may differ
    std::uint64_t syncs = 0;
    bool sync_failed = false;  // once: asking again proves a bug of the caller
  };
  using NodePtr = std::shared_ptr<Node>;
  using Folder = std::map<std::string, NodePtr>;
  struct Change {
    std::string path;
    NodePtr node;  // null: removed
    bool with_next = false;
  };
  struct Fault {
    Op op;
    std::uint64_t first;
    std::uint64_t last;
    Code code;
  };

  // Whether this call has an effect; if not, why.
  [[nodiscard]] Status Enter(Op op, const std::string& path);
  [[nodiscard]] bool Changes(Op op) const { return op != Op::kRead && op != Op::kOpen; }
  [[nodiscard]] std::uint64_t Used() const;
  [[nodiscard]] std::size_t Below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  void LosePages(Node& node);
  static void Apply(Folder& folder, const Change& change);
  void Do(const Change& change);

  std::mt19937_64 random_;
  Folder names_;
  Folder durable_names_;
  std::vector<Change> pending_;  // since the folder was synced
  std::vector<Fault> faults_;
  std::map<Op, std::uint64_t> calls_;
  std::uint64_t changes_ = 0;
  std::uint64_t die_at_ = ~0ULL;
  std::uint64_t capacity_ = ~0ULL;
  bool short_writes_ = false;
  std::set<std::string> locked_;
};

}  // namespace spillgate::journal
