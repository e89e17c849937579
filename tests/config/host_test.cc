#include "config/host.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace spillgate::config {
namespace {

// A machine made of files.
class HostTest : public ::testing::Test {
 protected:
  HostTest() {
    std::string name = (std::filesystem::temp_directory_path() / "spillgate_host_XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    Write("proc/meminfo", "MemFree:        1 kB\nMemTotal:       16777216 kB\n");
  }
  ~HostTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) const {
    const std::filesystem::path full = std::filesystem::path(root_) / path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
  [[nodiscard]] HostLimits Measure(std::uint32_t cpus) const { return MeasureHost(root_, cpus); }

  std::string root_;
};

TEST_F(HostTest, WithoutGroupsItIsTheMachine) {
  EXPECT_EQ(Measure(8), (HostLimits{8000, GiB(16)}));
}

TEST_F(HostTest, AnEmptyRootStillGivesACpu) {
  const HostLimits host = MeasureHost(root_ + "/nowhere", 1);
  EXPECT_EQ(host, (HostLimits{1000, Bytes{0}}));
  EXPECT_EQ(host.WholeCpus(), 1U);
}

TEST_F(HostTest, TheUnifiedHierarchyLimitsAtEveryLevel) {
  Write("proc/self/cgroup", "0::/system.slice/spillgate.service\n");
  Write("sys/fs/cgroup/system.slice/spillgate.service/cpu.max", "max 100000\n");
  Write("sys/fs/cgroup/system.slice/spillgate.service/memory.max", "max\n");
  EXPECT_EQ(Measure(8), (HostLimits{8000, GiB(16)}));
  Write("sys/fs/cgroup/system.slice/cpu.max", "250000 100000\n");
  Write("sys/fs/cgroup/system.slice/memory.max", "1073741824\n");
  EXPECT_EQ(Measure(8), (HostLimits{2500, GiB(1)}));
  Write("sys/fs/cgroup/system.slice/spillgate.service/cpu.max", "50000 100000\n");
  EXPECT_EQ(Measure(8).cpu, 500);
  EXPECT_EQ(Measure(8).WholeCpus(), 1U);
}

TEST_F(HostTest, InsideAContainerTheGroupIsTheRoot) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(Measure(8).cpu, 1500);
  EXPECT_EQ(Measure(8).WholeCpus(), 2U);
  EXPECT_EQ(Measure(1).cpu, 1000) << "affinity allows less than the quota";
}

TEST_F(HostTest, TheOldHierarchiesCountToo) {
  Write("proc/self/cgroup", "4:memory:/a/b\n3:cpu,cpuacct:/a\n2:cpuset:/\n0::/\n");
  Write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "300000\n");
  Write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  Write("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  Write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "2147483648\n");
  EXPECT_EQ(Measure(8), (HostLimits{3000, GiB(2)}));
}

TEST_F(HostTest, NonsenseIsIgnored) {
  Write("proc/self/cgroup", "nonsense\n0::/\n::\n");
  for (const char* text : {"", "max", "x y", "100000 0", "100000", "99999999999999999999 1",
                           "18446744073709551615 1"}) {
    Write("sys/fs/cgroup/cpu.max", text);
    Write("sys/fs/cgroup/memory.max", "lots");
    EXPECT_EQ(Measure(2), (HostLimits{2000, GiB(16)})) << text;
  }
  Write("sys/fs/cgroup/cpu.max", "1 1000000");  // a quota that rounds to nothing still runs
  EXPECT_EQ(Measure(2).cpu, 1);
}

TEST(Host, ThisMachineHasCpusAndMemory) {
  const HostLimits host = MeasureHost();
  EXPECT_GE(CpusByAffinity(), 1U);
  EXPECT_LE(host.cpu, std::int64_t{CpusByAffinity()} * 1000);
  EXPECT_GT(host.memory, MiB(64));
}

}  // namespace
}  // namespace spillgate::config
