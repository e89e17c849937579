// The functions behind the rows of the table of verbs. Each is in the file that its comment names.
#pragma once

#include "client/cli/verb.h"

namespace spillgate::cli {

Run SetupUp(CLI::App& verb);          // up.cc
Run SetupSubmit(CLI::App& verb);      // submit.cc
Run SetupRun(CLI::App& verb);         // submit.cc
Run SetupGet(CLI::App& verb);         // results.cc
Run SetupWait(CLI::App& verb);        // results.cc
Run SetupReplay(CLI::App& verb);      // replay_verb.cc
Run SetupCancel(CLI::App& verb);      // results.cc
Run SetupStatus(CLI::App& verb);      // status.cc
Run SetupStages(CLI::App& verb);      // stages.cc
Run SetupDrain(CLI::App& verb);       // node.cc
Run SetupVersion(CLI::App& verb);     // node.cc
Run SetupBench(CLI::App& verb);       // bench_verb.cc
Run SetupConfig(CLI::App& verb);      // config.cc
Run SetupCompletion(CLI::App& verb);  // completion.cc

}  // namespace spillgate::cli
