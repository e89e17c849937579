// PosixFiles: the journal's files on a real file system. Its descriptors are not inherited by
// workers, so that none of them holds the lock of a dead node.
#pragma once

#include "server/journal/files.h"

namespace spillgate::journal {

class PosixFiles final : public Files {
 public:
  [[nodiscard]] Status MakeDir(const std::string& dir) override;
  [[nodiscard]] Result<std::unique_ptr<DirLock>> Lock(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> List(const std::string& dir) override;
  [[nodiscard]] Result<std::unique_ptr<File>> Open(const std::string& path) override;
  [[nodiscard]] Result<std::unique_ptr<File>> Create(const std::string& path) override;
  [[nodiscard]] Status Rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Status Remove(const std::string& path) override;
  [[nodiscard]] Status SyncDir(const std::string& dir) override;
};

}  // namespace spillgate::journal
