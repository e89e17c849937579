#include "config/paths.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace spillgate::config {
namespace {

const Surroundings kUser{.runtime_dir = "/run/user/7",
                         .state_home = "/home/ada/state",
                         .home = "/home/ada",
                         .host_name = "box1",
                         .program = "/usr/lib/spillgate/spillgated",
                         .uid = 7};
const Surroundings kBare{.host_name = "box1", .uid = 7};

std::string TextOf(const Result<std::string>& result) {
  return result.ok() ? result.value() : "error: " + result.error().message;
}

TEST(Paths, SocketIsTheOneSetOrTheUsersOrOneInTmp) {
  EXPECT_EQ(TextOf(SocketPath({.unix_path = "/x.sock"}, kUser)), "/x.sock");
  EXPECT_EQ(TextOf(SocketPath({}, kUser)), "/run/user/7/spillgate/default.sock");
  EXPECT_EQ(TextOf(SocketPath({}, kBare)), "/tmp/spillgate-7/default.sock");
}

TEST(Paths, ADefaultSocketMayBeTooLongToo) {
  Surroundings around = kUser;
  around.runtime_dir = "/" + std::string(100, 'x');
  const Result<std::string> path = SocketPath({}, around);
  ASSERT_FALSE(path.ok());
  EXPECT_NE(path.error().message.find("set listen.unix"), std::string::npos);
}

TEST(Paths, StateIsTheOneSetOrByTheStandardOrUnderHome) {
  EXPECT_EQ(TextOf(StateDir({.state_dir = "/s"}, kUser)), "/s");
  EXPECT_EQ(TextOf(StateDir({}, kUser)), "/home/ada/state/spillgate");
  Surroundings around = kUser;
  around.state_home.clear();
  EXPECT_EQ(TextOf(StateDir({}, around)), "/home/ada/.local/state/spillgate");
  const Result<std::string> none = StateDir({}, kBare);
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.error().message.find("set node.state_dir"), std::string::npos);
}

TEST(Paths, TheJournalIsInTheStateUnlessItHasAPlaceOfItsOwn) {
  Config config;
  EXPECT_EQ(TextOf(JournalDir(config, kUser)), "/home/ada/state/spillgate/journal");
  EXPECT_FALSE(JournalDir(config, kBare).ok());
  config.journal.dir = "/fast/journal";
  EXPECT_EQ(TextOf(JournalDir(config, kBare)), "/fast/journal");
}

TEST(Paths, NameAndWorkerProgram) {
  EXPECT_EQ(NodeName({}, kUser), "box1");
  EXPECT_EQ(NodeName({.name = "n"}, kUser), "n");
  EXPECT_EQ(WorkerProgram({}, kUser), "/usr/lib/spillgate/spillgate-worker");
  EXPECT_EQ(WorkerProgram({.program = "/w"}, kUser), "/w");
}

TEST(Paths, ThisProcessHasSurroundings) {
  const Surroundings around = Surroundings::OfThisProcess();
  EXPECT_FALSE(around.host_name.empty());
  EXPECT_EQ(around.program.front(), '/');
  EXPECT_EQ(around.uid, getuid());
}

}  // namespace
}  // namespace spillgate::config
