// Daemon: a node with everything around it: the event loop, the sockets, the executors, the journal
// and the admin port. Everything on the thread that calls Open and Run, which is the loop's.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/apply.h"
#include "config/host.h"
#include "config/overrides.h"
#include "config/paths.h"
#include "core/base/result.h"
#include "core/embedded/no_journal.h"
#include "core/embedded/no_peers.h"
#include "server/admin/observer.h"
#include "server/compaction.h"
#include "server/exec/function_library.h"
#include "server/exec/hosts.h"
#include "server/exec/running_page.h"
#include "server/journal/log.h"
#include "server/journal/posix_files.h"
#include "server/net/door.h"
#include "server/net/http_server.h"
#include "server/net/listener.h"
#include "server/net/loop.h"
#include "server/node.h"
#include "server/reply_router.h"
#include "stages/recovery.h"

namespace spillgate {

class Daemon {
 public:
  // `path` and `overrides` are where `loaded` came from, for SIGHUP.
  // `salvage`: go on without what is damaged of the journal.
  Daemon(config::Loaded loaded, std::string path, config::Overrides overrides, bool salvage);
  ~Daemon();

  // Everything that can fail: libraries, journal, sockets. The error names what is in the way.
  [[nodiscard]] Status Open();
  // Serves until SIGTERM or SIGINT and what was accepted has ended, or the time for that is over.
  void Run();

 private:
  [[nodiscard]] Status OpenAll();
  [[nodiscard]] Status AddLibraries();
  // Opens the journal and gets back what an earlier process had accepted.
  [[nodiscard]] Status OpenJournal();
  // For what that has of them; in a directory that is this process's by now.
  void OpenRunningPage(const std::string& dir);
  [[nodiscard]] Status AddLibrary(FunctionLibrary library);
  [[nodiscard]] NodePorts Ports();
  [[nodiscard]] Nanos ExecPoll() const;
  [[nodiscard]] WorkerOptions WorkerSettings() const;
  void MakeHosts();
  // Secrets by name, from "auth.token_file"; those there were stay if it cannot be read.
  [[nodiscard]] Status ReadTokens(const std::string& file);
  [[nodiscard]] Status OpenAdmin();
  [[nodiscard]] net::DoorOptions DoorSettings();
  [[nodiscard]] net::ListenerOptions ListenerSettings() const;
  void WriteStart();
  void Reload();
  void ApplyLive();
  void BeginDrain();
  void CheckDrained(Instant now);
  void Stop();
  void AwaitReports();

  const SteadyClock clock_;
  config::Loaded loaded_;
  const std::string path_;
  const config::Overrides overrides_;
  const bool salvage_;
  const config::Surroundings around_;
  const config::HostLimits host_;
  ReplyRouter replies_;
  NoPeers peers_;
  NoJournal no_journal_;
  journal::PosixFiles files_;
  std::unique_ptr<journal::Log> log_;  // null: journal.level_max is none
  std::unique_ptr<Compaction> compaction_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<net::Loop> loop_;
  std::vector<FunctionLibrary> libraries_;
  std::unique_ptr<RunningPage> page_;  // null: there is no journal, or it could not be made
  std::unique_ptr<Hosts> hosts_;
  std::unique_ptr<net::Door> door_;
  std::unique_ptr<net::Listener> listener_;
  std::unique_ptr<admin::Observer> observer_;
  std::unique_ptr<net::HttpServer> http_;
  Recovery::Recovered recovered_;
  std::unordered_map<std::string, std::string> tokens_;  // secrets by name
  std::uint64_t epoch_ = 1;
  std::uint64_t config_generation_ = 1;
  bool last_reload_ok_ = true;
  Instant drain_until_ = kNever;
};

}  // namespace spillgate
