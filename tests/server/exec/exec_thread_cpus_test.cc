// On which CPUs the threads of a node run tasks.
#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/server/exec/fake_node.h"

namespace spillgate::testing {
namespace {

using namespace std::chrono_literals;

std::vector<pid_t> ExecThreads() {
  std::vector<pid_t> found;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream file(task.path() / "comm");
    if (std::getline(file, name) && name == "sg-exec") {
      found.push_back(static_cast<pid_t>(std::atoi(task.path().filename().c_str())));
    }
  }
  return found;
}

cpu_set_t CpusOf(pid_t thread) {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(thread, sizeof(set), &set);
  return set;
}

// By whoever runs the node: one that is needed later would run where the thread that begins it may.
TEST(ExecThreadCpus, AThreadThatIsBegunLaterRunsWhereTheFirstWasPinned) {
  const cpu_set_t own = CpusOf(0);
  if (CPU_COUNT(&own) < 2) GTEST_SKIP() << "with one CPU all run there";
  cpu_set_t only;
  CPU_ZERO(&only);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &own)) continue;
    CPU_SET(cpu, &only);
    break;
  }
  FakeNode::Options options;
  options.slots = 1;
  options.threads.threads = 1;
  options.hosts = {{"noop", Host::kThread}, {"fib", Host::kThread}};
  FakeNode node(std::move(options));
  ASSERT_EQ(node.Call("noop").fate, Fate::kDone);
  const std::vector<pid_t> first = ExecThreads();
  ASSERT_EQ(first.size(), 1U);
  ASSERT_EQ(sched_setaffinity(first.front(), sizeof(only), &only), 0);
  // While one waits, others run, unless all of its children run in its place.
  for (int times = 0; times < 100 && ExecThreads().size() == 1; ++times) {
    std::vector<TaskId> roots;
    for (int i = 0; i < 4; ++i) roots.push_back(node.Submit("fib", {"6"}));
    for (const TaskId& root : roots) ASSERT_EQ(node.Await(root).value, "8");
  }
  ASSERT_GT(ExecThreads().size(), 1U);
  EXPECT_TRUE(node.Until(
      [&] {
        for (const pid_t thread : ExecThreads()) {
          const cpu_set_t may = CpusOf(thread);
          if (!CPU_EQUAL(&may, &only)) return false;
        }
        return true;
      },
      20s));
  EXPECT_TRUE(node.Stop());
}

}  // namespace
}  // namespace spillgate::testing
