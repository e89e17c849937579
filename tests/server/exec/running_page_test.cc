// What a process finds of the one before it that ended while its threads ran tasks.
#include "server/exec/running_page.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tests/server/exec/fake_node.h"

namespace spillgate::testing {
namespace {

class RunningPageTest : public ::testing::Test {
 protected:
  RunningPageTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sg-page-XXXXXX").string();
    dir_ = mkdtemp(name.data());
  }
  ~RunningPageTest() override { std::filesystem::remove_all(dir_); }

  [[nodiscard]] std::string path() const { return dir_ + "/running"; }
  [[nodiscard]] std::unique_ptr<RunningPage> Open() const {
    Result<std::unique_ptr<RunningPage>> page = RunningPage::Open(path());
    EXPECT_TRUE(page.ok()) << page.error().message;
    return std::move(page).value();
  }
  // What is in the file at this moment is what a process that died now would leave.
  void Die() const {
    std::filesystem::copy_file(path(), path() + ".dead");
    std::filesystem::rename(path() + ".dead", path());
  }
  // As if the process had died at this moment; the one at hand goes on.
  [[nodiscard]] std::unique_ptr<RunningPage> Snapshot() const {
    std::filesystem::copy_file(path(), path() + ".now",
                               std::filesystem::copy_options::overwrite_existing);
    return std::move(RunningPage::Open(path() + ".now")).value();
  }
  TaskPtr Make(std::uint64_t number, Level level = Level::kAsync) {
    TaskPtr task(tasks_.Make());
    task->home = &tasks_;
    task->id = {1, number};
    task->level = level;
    task->attempt = 1;
    return task;
  }
  [[nodiscard]] static std::size_t Known(const RunningPage& page) { return page.deaths().size(); }

  std::string dir_;
  Slab<Task> tasks_{64};
};

TEST_F(RunningPageTest, WhatRanWhenTheProcessDiedHasADeath) {
  const auto first = Open();
  EXPECT_EQ(Known(*first), 0U);
  const TaskPtr one = Make(1);
  const TaskPtr two = Make(2);
  const RunningPage::Note here(first.get(), *one);
  std::thread([&] {
    const RunningPage::Note there(first.get(), *two);
    Die();
  }).join();
  const auto second = Open();
  EXPECT_EQ(Known(*second), 2U);
  EXPECT_EQ(second->DeathsOf({1, 1}), 1);
  EXPECT_EQ(second->DeathsOf({1, 2}), 1);
  EXPECT_EQ(second->DeathsOf({1, 3}), 0);
}

TEST_F(RunningPageTest, TheInnermostRunCountsAndTheOuterOneAfterIt) {
  const auto first = Open();
  const TaskPtr one = Make(1);
  const TaskPtr two = Make(2);
  const RunningPage::Note outer(first.get(), *one);
  {
    const RunningPage::Note inner(first.get(), *two);
    std::filesystem::copy_file(path(), path() + ".inner");
  }
  Die();
  EXPECT_EQ(Open()->DeathsOf({1, 1}), 1);
  std::filesystem::rename(path() + ".inner", path());
  const auto then = Open();
  EXPECT_EQ(then->DeathsOf({1, 1}), 0);
  EXPECT_EQ(then->DeathsOf({1, 2}), 1);
}

TEST_F(RunningPageTest, WhatEndedAndWhatNobodyRunsAgainHasNone) {
  const auto first = Open();
  const TaskPtr ended = Make(1);
  const TaskPtr forgotten = Make(2, Level::kNone);
  TaskPtr child = Make(3, Level::kNone);
  child->parent = {1, 9};
  {
    const RunningPage::Note note(first.get(), *ended);
  }
  const RunningPage::Note passing(first.get(), *forgotten);
  EXPECT_FALSE(passing.noted());
  const RunningPage::Note spawned(first.get(), *child);
  Die();
  const auto second = Open();
  EXPECT_EQ(Known(*second), 1U);
  EXPECT_EQ(second->DeathsOf({1, 3}), 1) << "its parent may spawn it again";
}

TEST_F(RunningPageTest, DeathsAddUpAndAreKeptUntilNothingGoesOn) {
  for (int deaths = 0; deaths < 3; ++deaths) {
    const auto page = Open();
    EXPECT_EQ(page->DeathsOf({1, 1}), deaths);
    const TaskPtr task = Make(1);
    const RunningPage::Note note(page.get(), *task);
    Die();
  }
  EXPECT_EQ(Open()->DeathsOf({1, 1}), 3);
  const auto idle = Open();
  EXPECT_EQ(idle->DeathsOf({1, 1}), 3) << "the one before ended with that left to do";
  idle->KeepNone();
  EXPECT_EQ(Known(*Open()), 0U);
}

TEST_F(RunningPageTest, TheNewestDeathsAreKept) {
  constexpr std::uint64_t kOlder = RunningPage::kMostDeaths + 1;
  for (std::uint64_t i = 1; i <= kOlder; ++i) {
    const auto page = Open();
    page->Set({1, i}, 1);
  }
  const auto page = Open();
  EXPECT_EQ(Known(*page), RunningPage::kMostDeaths);
  EXPECT_EQ(page->DeathsOf({1, kOlder}), 1);
  EXPECT_EQ(page->DeathsOf({1, 1}), 0);
}

TEST_F(RunningPageTest, DamageIsNoHindrance) {
  for (const std::size_t bytes : {std::size_t{5}, RunningPage::kBytes, RunningPage::kBytes * 2}) {
    std::ofstream(path(), std::ios::trunc) << std::string(bytes, 'x');
    EXPECT_EQ(Known(*Open()), 0U) << bytes;
    EXPECT_EQ(std::filesystem::file_size(path()), RunningPage::kBytes);
    Open()->Set({1, 1}, 1);
    EXPECT_EQ(Open()->DeathsOf({1, 1}), 1) << "it is sound again";
  }
  EXPECT_FALSE(RunningPage::Open(dir_ + "/not/there").ok());
}

// The child that sleeps is noted; its parent, which waits, is not.
TEST_F(RunningPageTest, ThreadsNoteWhatHasTheirTimeAndNotWhatWaits) {
  const auto page = Open();
  FakeNode::Options options;
  options.threads.page = page.get();
  FakeNode node(options);
  const TaskId outer = node.Submit("spawn", {"1", "1", "600000000"});
  const auto both = [&] { return node.Blocked(outer) && node.Children(outer) == 1; };
  ASSERT_TRUE(node.Until(both));
  ASSERT_TRUE(node.Until([&] { return Known(*Snapshot()) == 1; }));
  EXPECT_EQ(Snapshot()->DeathsOf(outer), 0);
  node.Cancel(outer);
  const Ended ended = node.Await(outer);
  EXPECT_EQ(ended.fate, Fate::kCancelled) << ended.message;
  ASSERT_TRUE(node.Stop());
  EXPECT_EQ(Known(*Snapshot()), 0U);
}

// That this process is still there afterwards is half of the test.
TEST_F(RunningPageTest, WhatEndedANodeRunsInAWorkerOrNotAtAll) {
  TaskId first;
  {
    FakeNode node(FakeNode::Options{});
    first = node.Submit("noop", {});
    ASSERT_TRUE(node.Stop());
  }
  Open()->Set(first, 1);  // the first task of a node has the same name each time
  const auto page = Open();
  FakeNode::Options options;
  options.threads.page = page.get();
  options.hosts["crash"] = Host::kThread;
  FakeNode node(options);
  const TaskId crash = node.Submit("crash", {});
  ASSERT_EQ(crash, first);
  const Ended ended = node.Await(crash);
  EXPECT_EQ(ended.fate, Fate::kFailed);
  ASSERT_EQ(ended.deaths.size(), 1U);
  EXPECT_NE(ended.deaths[0].find("SIGSEGV"), std::string::npos) << ended.deaths[0];
  node.OnLoop([&] { EXPECT_EQ(node.hosts().DeathsOf(first), 1); });
  ASSERT_TRUE(node.Stop());
}

}  // namespace
}  // namespace spillgate::testing
