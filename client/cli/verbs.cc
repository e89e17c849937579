#include "client/cli/verbs.h"

namespace spillgate::cli {
namespace {

constexpr Verb kVerbs[] = {
    {"up", "start a node", SetupUp},
    {"submit", "hand tasks to the node; prints their ids", SetupSubmit},
    {"run", "submit one task, wait for it and print its value", SetupRun},
    {"get", "print the values of tasks", SetupGet},
    {"replay", "run a recorded workflow as a dataflow of tasks", SetupReplay},
    {"wait", "wait until some of several tasks have ended", SetupWait},
    {"cancel", "stop tasks and all that they have spawned", SetupCancel},
    {"status", "the node, or tasks, in short", SetupStatus},
    {"stages", "how full and how fast each stage is, and what it sheds", SetupStages},
    {"drain", "let the node end what it has, take nothing new, and stop", SetupDrain},
    {"bench", "measure what a node can do, and check what it did", SetupBench},
    {"config", "check or print a configuration", SetupConfig},
    {"completion", "a script that completes this command in a shell", SetupCompletion},
    {"version", "versions of this command and of the node", SetupVersion},
};

}  // namespace

std::span<const Verb> Verbs() {
  return kVerbs;
}

}  // namespace spillgate::cli
