#include "client/cli/node_settings.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "config/config.h"
#include "config/load.h"

namespace spillgate::cli {
namespace {

class BoundsInFlight : public ::testing::Test {
 protected:
  BoundsInFlight() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sg-node-XXXXXX").string();
    dir_ = mkdtemp(pattern.data());
  }
  ~BoundsInFlight() override { std::filesystem::remove_all(dir_); }

  // The settings of a node with that file, without what bounds its tasks in flight.
  [[nodiscard]] NodeSettings Without(const std::string& text) const {
    NodeSettings settings;
    settings.config = dir_ + "/node.toml";
    std::ofstream(settings.config) << "config_version = 1\n" << text;
    const Result<NodeSettings> without = settings.WithoutBoundsInFlight();
    EXPECT_TRUE(without.ok()) << without.error().message;
    return without.ok() ? without.value() : settings;
  }
  [[nodiscard]] static config::Config Read(const NodeSettings& settings) {
    const auto loaded = config::Load(settings.config, {.environment = {}, .flags = settings.sets});
    EXPECT_TRUE(loaded.ok()) << loaded.error().message;
    return loaded.ok() ? loaded.value().config : config::Config{};
  }

  std::string dir_;
};

TEST_F(BoundsInFlight, OfTheFileAreTheDefaultAgain) {
  const config::Config read =
      Read(Without("[limits]\nin_flight = 8\n"
                   "[tenant.mice]\nin_flight = 4\nclient_in_flight = 2\nweight = 3\n"));
  EXPECT_EQ(read.limits.in_flight, config::LimitsConfig{}.in_flight);
  const config::TenantConfig& mice = read.tenants.at("mice");
  EXPECT_EQ(mice.in_flight, 0u);
  EXPECT_EQ(mice.client_in_flight, 0u);
  EXPECT_EQ(mice.weight, 3u) << "what bounds nothing stays";
}

TEST_F(BoundsInFlight, OfTheCommandLineAreTheDefaultAgain) {
  NodeSettings settings;
  settings.sets = {"limits.in_flight=8", "tenant.uid-7.in_flight=8"};
  const Result<NodeSettings> without = settings.WithoutBoundsInFlight();
  ASSERT_TRUE(without.ok()) << without.error().message;
  const config::Config read = Read(without.value());
  EXPECT_EQ(read.limits.in_flight, config::LimitsConfig{}.in_flight);
  EXPECT_EQ(read.tenants.at("uid-7").in_flight, 0u);
}

// A node whose stages have no room for the default would not start.
TEST_F(BoundsInFlight, StayWithinWhatTheStagesHaveRoomFor) {
  const config::Config read =
      Read(Without("[limits]\nin_flight = 8\nspawn_reserve = 100\n"
                   "[stage.execution]\ncapacity = 2100\n[stage.publication]\ncapacity = 3100\n"));
  EXPECT_EQ(read.limits.in_flight, 2000u);
  EXPECT_EQ(Read(Without("[limits]\nin_flight = 8\n[stage.scheduling]\ncapacity = 3024\n"))
                .limits.in_flight,
            2000u);
}

TEST_F(BoundsInFlight, AreNeverLessThanTheyWere) {
  const config::Config read =
      Read(Without("[limits]\nin_flight = 100000\n[stage.resolution]\ncapacity = 200000\n"
                   "[stage.scheduling]\ncapacity = 200000\n[stage.execution]\ncapacity = 200000\n"
                   "[stage.publication]\ncapacity = 200000\n"));
  EXPECT_EQ(read.limits.in_flight, 100'000u);
}

}  // namespace
}  // namespace spillgate::cli
