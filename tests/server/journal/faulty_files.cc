#include "tests/server/journal/faulty_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "core/base/format.h"

namespace spillgate::journal {

class FaultyFile final : public File {
 public:
  FaultyFile(FaultyFiles& disk, FaultyFiles::NodePtr node, std::string path)
      : disk_(disk), node_(std::move(node)), path_(std::move(path)) {}

  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
    if (Status status = disk_.Enter(Op::kRead, path_); !status.ok()) return status.error();
    if (offset >= node_->cache.size()) return std::size_t{0};
    const std::size_t size = std::min<std::size_t>(into.size(), node_->cache.size() - offset);
    std::copy_n(node_->cache.begin() + static_cast<std::ptrdiff_t>(offset), size, into.begin());
    return size;
  }

  Result<std::size_t> Write(std::uint64_t offset, ByteView bytes) override {
    const bool was_dead = disk_.dead();
    const Status status = disk_.Enter(Op::kWrite, path_);
    if (!status.ok()) {  // a call that fails, or is the last one, may have done a part of its work
      if (!was_dead) Put(offset, bytes.first(PartOf(offset, bytes.size())));
      return status.error();
    }
    if (disk_.short_writes_) {
      const std::size_t part = PartOf(offset, bytes.size());
      if (part > 0) bytes = bytes.first(part);
    }
    Put(offset, bytes);
    return bytes.size();
  }

  Status Sync() override {
    EXPECT_FALSE(node_->sync_failed) << path_ << " was synced again after a sync of it failed";
    const bool was_dead = disk_.dead();
    if (Status status = disk_.Enter(Op::kSync, path_); !status.ok()) {
      if (!was_dead && !disk_.dead()) {
        node_->dirty.clear();
        node_->sync_failed = true;
      }
      return status;
    }
    node_->syncs += 1;
    node_->disk.resize(node_->cache.size());
    for (const std::size_t sector : node_->dirty) CopySector(*node_, sector);
    node_->dirty.clear();
    return {};
  }

  Status Allocate(std::uint64_t bytes) override {
    if (Status status = disk_.Enter(Op::kAllocate, path_); !status.ok()) return status;
    if (disk_.Used() - node_->cache.size() + bytes > disk_.capacity_) {
      return Error{Code::kExhausted, Format("cannot take the space for {}: disk full", path_)};
    }
    node_->cache.resize(std::max<std::size_t>(node_->cache.size(), bytes));
    return {};
  }

  static void CopySector(FaultyFiles::Node& node, std::size_t sector) {
    const std::size_t begin = sector * FaultyFiles::kSector;
    const std::size_t end =
        std::min({begin + FaultyFiles::kSector, node.cache.size(), node.disk.size()});
    if (begin < end) std::memcpy(&node.disk[begin], &node.cache[begin], end - begin);
  }

 private:
  // Some part of so many bytes; sectors are never written by halves.
  std::size_t PartOf(std::uint64_t offset, std::size_t size) {
    const std::size_t end = offset + disk_.Below(size + 1);
    const std::size_t whole = end / FaultyFiles::kSector * FaultyFiles::kSector;
    return whole > offset ? whole - offset : 0;
  }

  void Put(std::uint64_t offset, ByteView bytes) {
    if (bytes.empty()) return;
    if (offset + bytes.size() > node_->cache.size()) node_->cache.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(),
              node_->cache.begin() + static_cast<std::ptrdiff_t>(offset));
    const std::size_t last = (offset + bytes.size() - 1) / FaultyFiles::kSector;
    for (std::size_t s = offset / FaultyFiles::kSector; s <= last; ++s) node_->dirty.insert(s);
  }

  FaultyFiles& disk_;
  const FaultyFiles::NodePtr node_;
  const std::string path_;
};

namespace {

class MemoryLock final : public DirLock {
 public:
  MemoryLock(std::set<std::string>& locked, std::string path)
      : locked_(locked), path_(std::move(path)) {}
  ~MemoryLock() override { locked_.erase(path_); }

 private:
  std::set<std::string>& locked_;
  const std::string path_;
};

}  // namespace

void FaultyFiles::Fail(Op op, std::uint64_t nth, Code code, std::uint64_t times) {
  const std::uint64_t first = calls_[op] + nth;
  faults_.push_back({op, first, times > ~0ULL - first ? ~0ULL : first + times - 1, code});
}

Status FaultyFiles::Enter(Op op, const std::string& path) {
  const std::uint64_t call = ++calls_[op];
  if (dead()) return Error{Code::kUnavailable, "the process is dead"};
  if (Changes(op)) ++changes_;
  if (dead()) return Error{Code::kUnavailable, "the process has just died"};
  for (const Fault& fault : faults_) {
    if (fault.op != op || call < fault.first || call > fault.last) continue;
    return Error{fault.code, Format("cannot use {}: injected", path)};
  }
  return {};
}

void FaultyFiles::Restart() {
  die_at_ = ~0ULL;
  faults_.clear();
  // Descriptors are gone, so nobody syncs a file again through one that failed.
  for (auto& [path, node] : names_) node->sync_failed = false;
}

void FaultyFiles::PowerLoss() {
  for (std::size_t kept = Below(pending_.size() + 1), i = 0; i < kept; ++i) {
    Apply(durable_names_, pending_[i]);
    if (pending_[i].with_next) Apply(durable_names_, pending_[++i]);
  }
  pending_.clear();
  names_ = durable_names_;
  for (auto& [path, node] : names_) LosePages(*node);
  Restart();
}

void FaultyFiles::LosePages(Node& node) {
  if (node.disk.size() != node.cache.size() && Below(2) == 0) node.disk.resize(node.cache.size());
  std::map<std::size_t, std::size_t> fate;  // of a page: lost, kept, torn
  for (const std::size_t sector : node.dirty) {
    const auto [it, fresh] = fate.try_emplace(sector / kSectorsPerPage, 0);
    if (fresh) it->second = Below(3);
    const bool kept = it->second == 1 || (it->second == 2 && Below(2) == 0);
    if (kept) FaultyFile::CopySector(node, sector);
  }
  node.dirty.clear();
  node.cache = node.disk;
}

void FaultyFiles::Apply(Folder& folder, const Change& change) {
  if (change.node == nullptr) {
    folder.erase(change.path);
  } else {
    folder[change.path] = change.node;
  }
}

void FaultyFiles::Do(const Change& change) {
  Apply(names_, change);
  pending_.push_back(change);
}

std::uint64_t FaultyFiles::Used() const {
  std::uint64_t used = 0;
  for (const auto& [path, node] : names_) used += node->cache.size();
  return used;
}

std::vector<std::string> FaultyFiles::Names() const {
  std::vector<std::string> names;
  for (const auto& [path, node] : names_) names.push_back(path);
  return names;
}

std::vector<std::byte>& FaultyFiles::Contents(const std::string& path) {
  return names_.at(path)->cache;
}

std::uint64_t FaultyFiles::SyncsOf(const std::string& path) const {
  return names_.at(path)->syncs;
}

FaultyFiles::Image FaultyFiles::Save() const {
  Image image;
  for (const auto& [path, node] : names_) image[path] = node->cache;
  return image;
}

void FaultyFiles::Load(const Image& image) {
  names_.clear();
  for (const auto& [path, bytes] : image) {
    names_[path] = std::make_shared<Node>(Node{.cache = bytes, .disk = bytes});
  }
  durable_names_ = names_;
  pending_.clear();
  Restart();
}

Result<std::unique_ptr<DirLock>> FaultyFiles::Lock(const std::string& path) {
  if (!locked_.insert(path).second) return Error{Code::kUnavailable, path + " is held"};
  return std::unique_ptr<DirLock>(std::make_unique<MemoryLock>(locked_, path));
}

Result<std::vector<std::string>> FaultyFiles::List(const std::string& dir) {
  std::vector<std::string> names;
  for (const auto& [path, node] : names_) {
    if (path.starts_with(dir + "/")) names.push_back(path.substr(dir.size() + 1));
  }
  return names;
}

Result<std::unique_ptr<File>> FaultyFiles::Open(const std::string& path) {
  if (Status status = Enter(Op::kOpen, path); !status.ok()) return status.error();
  const auto found = names_.find(path);
  if (found == names_.end()) return Error{Code::kNotFound, path + " does not exist"};
  return std::unique_ptr<File>(std::make_unique<FaultyFile>(*this, found->second, path));
}

Result<std::unique_ptr<File>> FaultyFiles::Create(const std::string& path) {
  if (Status status = Enter(Op::kCreate, path); !status.ok()) return status.error();
  const auto node = std::make_shared<Node>();
  Do({.path = path, .node = node});
  return std::unique_ptr<File>(std::make_unique<FaultyFile>(*this, node, path));
}

Status FaultyFiles::Rename(const std::string& from, const std::string& to) {
  if (Status status = Enter(Op::kRename, from); !status.ok()) return status;
  const NodePtr node = names_.at(from);
  Do({.path = to, .node = node, .with_next = true});
  Do({.path = from});
  return {};
}

Status FaultyFiles::Remove(const std::string& path) {
  if (Status status = Enter(Op::kRemove, path); !status.ok()) return status;
  if (names_.contains(path)) Do({.path = path});
  return {};
}

Status FaultyFiles::SyncDir(const std::string& dir) {
  if (Status status = Enter(Op::kSyncDir, dir); !status.ok()) return status;
  durable_names_ = names_;
  pending_.clear();
  return {};
}

}  // namespace spillgate::journal
