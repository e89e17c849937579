// What `up` tells a node about itself, and where it can then be found. One thread; Place reads the
// node's config file.
#pragma once

#include <string>
#include <vector>

#include "config/load.h"
#include "core/base/result.h"

namespace spillgate::cli {

struct NodePlace {
  std::string address;
  std::string log;  // where its log goes, if nothing else is asked for
};

struct NodeSettings {
  std::string config;               // file, or ""
  std::vector<std::string> sets;    // the user's KEY=VALUE
  std::string private_dir;          // of a private node, or ""
  std::vector<std::string> listen;  // KEY=VALUE that follow from an address; they win over `sets`

  // The node serves where later commands will look for it. An empty address leaves it to the
  // config.
  [[nodiscard]] Status ListenAt(const std::string& address);

  [[nodiscard]] std::vector<std::string> Arguments() const;     // of spillgated
  [[nodiscard]] std::vector<std::string> OwnArguments() const;  // of `spillgate up`, on our behalf
  // Checks the configuration on the way: the error is a list of what is wrong with it.
  [[nodiscard]] Result<NodePlace> Place() const;
  // The same node with no less in flight than by default, for all or for one tenant or client,
  // whether it is the file, the environment or the command line that says less.
  [[nodiscard]] Result<NodeSettings> WithoutBoundsInFlight() const;

 private:
  [[nodiscard]] Result<config::Loaded> Load() const;

  [[nodiscard]] std::vector<std::string> AllSets() const;
};

// A new folder for a private node, with a name short enough for a socket in it.
[[nodiscard]] Result<std::string> MakePrivateDir();

}  // namespace spillgate::cli
