// Lists of functions, from tables, from shared libraries and from descriptions of them.
#include "server/exec/function_library.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "client/sdk/spillgate/function.h"
#include "server/functions/builtins.h"
#include "tests/server/exec/fake_node.h"

namespace spillgate::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

void Nothing(const sg_context* /*context*/) {}

sg_function Named(const char* name) {
  return {name, &Nothing, SG_HOST_THREAD, 1, 0, 0};
}

Result<FunctionLibrary> From(const std::vector<sg_function>& functions,
                             std::uint32_t abi = SG_ABI_VERSION) {
  const sg_library table{abi, sizeof(sg_function), "test", functions.data(), functions.size()};
  return FromTable(table, "/opt/libtest.so");
}

std::string ErrorOf(const Result<FunctionLibrary>& library) {
  return library.ok() ? "" : library.error().message;
}

TEST(FunctionLibrary, TablesAreTakenOver) {
  const Result<FunctionLibrary> library = FromTable(functions::Builtins(), "");
  ASSERT_TRUE(library.ok()) << ErrorOf(library);
  EXPECT_EQ(library.value().name, "builtin");
  for (const Function& function : library.value().functions) {
    EXPECT_EQ(EntryOf(function).name, function.name);
    EXPECT_NE(EntryOf(function).native, nullptr);
    EXPECT_EQ(function.shape.amount[kCpu], function.host == Host::kInline ? 0 : 1000);
  }
}

void Idle(sdk::Context& /*context*/) {}

TEST(FunctionLibrary, WhatIsLoadedHereRunsHereUnlessItAsksForAWorker) {
  const Result<FunctionLibrary> library =
      From({sdk::Export<Idle>("default"), sdk::Export<Idle>("apart", SG_HOST_WORKER)});
  ASSERT_TRUE(library.ok()) << ErrorOf(library);
  EXPECT_EQ(library.value().functions[0].host, Host::kThread);
  EXPECT_EQ(library.value().functions[1].host, Host::kWorker);
}

TEST(FunctionLibrary, TablesThatAreNoGoodAreRefused) {
  EXPECT_THAT(ErrorOf(From({})), HasSubstr("names no functions"));
  EXPECT_THAT(ErrorOf(From({Named("a")}, 2)), HasSubstr("built for version 2 of the SDK"));
  EXPECT_THAT(ErrorOf(From({Named("a"), Named("a")})), HasSubstr("two functions \"a\""));
  EXPECT_THAT(ErrorOf(From({Named("")})), HasSubstr("has no name"));
  EXPECT_THAT(ErrorOf(From({Named(nullptr)})), HasSubstr("has no name"));
  EXPECT_THAT(ErrorOf(From({Named("a\nb")})), HasSubstr("has no name"));
  const std::string long_name(257, 'x');
  EXPECT_THAT(ErrorOf(From({Named(long_name.c_str())})), HasSubstr("too long"));
  sg_function empty = Named("a");
  empty.call = nullptr;
  EXPECT_THAT(ErrorOf(From({empty})), HasSubstr("function 0 has no code"));
  EXPECT_THAT(ErrorOf(From({empty})), HasSubstr("/opt/libtest.so"));
  sg_library table{SG_ABI_VERSION, 8, "small entries", &empty, 1};
  EXPECT_THAT(ErrorOf(FromTable(table, "")), HasSubstr("the built-in library"));
  table = {SG_ABI_VERSION, sizeof(sg_function), "huge", &empty, 1'000'000};
  EXPECT_FALSE(FromTable(table, "").ok());
}

// A library that was built against a later SDK has larger entries.
TEST(FunctionLibrary, EntriesMayBeLarger) {
  struct Later {
    sg_function function;
    std::uint64_t more;
  };
  const Later functions[] = {{Named("a"), 1}, {Named("b"), 2}};
  const sg_library table{SG_ABI_VERSION, sizeof(Later), "later", &functions[0].function, 2};
  const Result<FunctionLibrary> library = FromTable(table, "");
  ASSERT_TRUE(library.ok()) << ErrorOf(library);
  EXPECT_EQ(library.value().functions[1].name, "b");
}

TEST(FunctionLibrary, DescriptionsSayWhatIsInside) {
  Result<FunctionLibrary> library =
      DescribeLibrary(WorkerProgram(), LibraryPath("test_greeter"), 60s);
  ASSERT_TRUE(library.ok()) << ErrorOf(library);
  EXPECT_EQ(library.value().name, "greeter");
  const Function& greet = library.value().functions.front();
  EXPECT_EQ(greet.name, "greet");
  EXPECT_EQ(greet.host, Host::kWorker);  // whatever the library would like
  EXPECT_EQ(greet.slot_limit, 3u);
  EXPECT_EQ(EntryOf(greet).native, nullptr);
  EXPECT_EQ(EntryOf(greet).library, LibraryPath("test_greeter"));
  // Nothing of it came into this process.
  EXPECT_EQ(dlopen(LibraryPath("test_greeter").c_str(), RTLD_NOW | RTLD_NOLOAD), nullptr);
}

TEST(FunctionLibrary, DescriptionsOfWhatIsNoneSayWhy) {
  const auto error = [](const std::string& path) {
    return ErrorOf(DescribeLibrary(WorkerProgram(), path, 60s));
  };
  EXPECT_THAT(error("/nowhere/libmath.so"), HasSubstr("/nowhere/libmath.so"));
  EXPECT_THAT(error(LibraryPath("test_no_library")), HasSubstr("exports no spillgate_library"));
  EXPECT_THAT(error(LibraryPath("test_other_version")), HasSubstr("version 2 of the SDK"));
  EXPECT_THAT(error(LibraryPath("test_crashes_at_load")), HasSubstr("was killed by SIGABRT (6)"));
  EXPECT_THAT(ErrorOf(DescribeLibrary("/nowhere/worker", LibraryPath("test_greeter"), 60s)),
              HasSubstr("cannot start /nowhere/worker"));
  EXPECT_THAT(ErrorOf(DescribeLibrary("/bin/true", LibraryPath("test_greeter"), 60s)),
              HasSubstr("was exited with status 0"));
  EXPECT_THAT(ErrorOf(DescribeLibrary(WorkerProgram(), LibraryPath("test_greeter"), 0s)),
              HasSubstr("took too long"));
}

TEST(FunctionLibrary, DescriptionsComeBackAsTheyWere) {
  const Result<FunctionLibrary> before = FromTable(functions::Builtins(), "");
  ASSERT_TRUE(before.ok());
  const Result<FunctionLibrary> after = FromDescription(Describe(before.value()), "/opt/lib.so");
  ASSERT_TRUE(after.ok()) << ErrorOf(after);
  ASSERT_EQ(after.value().functions.size(), before.value().functions.size());
  for (std::size_t i = 0; i < after.value().functions.size(); ++i) {
    EXPECT_EQ(after.value().functions[i].name, before.value().functions[i].name);
    EXPECT_EQ(after.value().functions[i].slot_limit, before.value().functions[i].slot_limit);
    EXPECT_EQ(after.value().functions[i].host, Host::kWorker);
  }
  for (const char* text : {"", "[]", "{}", "{\"functions\": 3}", "{\"functions\": [{}]}",
                           "{\"functions\": [{\"name\": 3}]}", "not json"}) {
    EXPECT_FALSE(FromDescription(text, "/opt/lib.so").ok()) << text;
  }
}

TEST(FunctionLibrary, LibrariesAreLoadedWhereTheConfigSaysSo) {
  const Result<FunctionLibrary> library = LoadLibrary(LibraryPath("test_other_version"));
  EXPECT_THAT(ErrorOf(library), HasSubstr("version 2 of the SDK"));
  EXPECT_THAT(ErrorOf(LoadLibrary("/nowhere/libmath.so")), HasSubstr("cannot load the library"));
}

}  // namespace
}  // namespace spillgate::testing
