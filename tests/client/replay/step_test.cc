// The built-in `step` and what the replay expects of it are written twice, on purpose: each checks
// the other. Here without a node between them, and the function's own errors.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/replay/generate.h"
#include "client/replay/plan.h"
#include "core/base/format.h"
#include "server/functions/builtins.h"

namespace spillgate::replay {
namespace {

// A run of a function, seen from the node's side: as much of it as `step` uses.
struct FakeRun {
  std::vector<std::string> args;
  std::string value;
  std::string problem;
  std::int64_t paused_ns = 0;
  bool stop = false;

  void Call(std::string_view name) {
    const sg_library& library = functions::Builtins();
    for (std::size_t i = 0; i < library.function_count; ++i) {
      if (library.functions[i].name != name) continue;
      const sg_context context{&kApi, this};
      return library.functions[i].call(&context);
    }
    FAIL() << "there is no built-in " << name;
  }

 private:
  static FakeRun& Of(void* self) { return *static_cast<FakeRun*>(self); }
  static sg_api MakeApi() {
    sg_api api{};
    api.size = sizeof(sg_api);
    api.arg_count = [](void* self) { return static_cast<std::uint32_t>(Of(self).args.size()); };
    api.arg = [](void* self, std::uint32_t i) { return sdk::Raw(Of(self).args[i]); };
    api.set_return = [](void* self, std::uint32_t, sg_bytes value) {
      Of(self).value = sdk::View(value);
    };
    api.fail = [](void* self, sg_bytes message) { Of(self).problem = sdk::View(message); };
    api.cancelled = [](void* self) { return Of(self).stop ? 1U : 0U; };
    api.pause = [](void* self, std::int64_t ns) -> std::uint32_t {
      Of(self).paused_ns += ns;
      return Of(self).stop ? SG_CANCELLED : SG_OK;
    };
    api.last_error = [](void*) { return sdk::Raw("stopped"); };
    return api;
  }
  static const sg_api kApi;
};
const sg_api FakeRun::kApi = FakeRun::MakeApi();

FakeRun RunStep(std::vector<std::string> args) {
  FakeRun run{.args = std::move(args), .value = {}, .problem = {}};
  run.Call("step");
  return run;
}

TEST(Step, ReturnsWhatTheReplayExpects) {
  Workflow fan = FanOutIn(3, 2, {});
  for (std::uint32_t i = 0; i < fan.steps.size(); ++i) fan.steps[i].output_bytes = 37ULL * i;
  const Result<Plan> plan = MakePlan(fan, {.time = 1, .data = 1}, 1 << 20);
  ASSERT_TRUE(plan.ok());
  const Expected expected(fan, plan.value());
  std::vector<std::string> values;
  for (std::uint32_t i = 0; i < fan.steps.size(); ++i) {
    std::vector<std::string> args{"sleep", "0", Format("{}", fan.steps[i].output_bytes),
                                  fan.steps[i].id};
    for (const std::uint32_t parent : fan.steps[i].parents) args.push_back(values[parent]);
    const FakeRun run = RunStep(std::move(args));
    EXPECT_EQ(run.problem, "");
    EXPECT_EQ(expected.Difference(i, AsBytes(run.value)), "") << "step " << i;
    values.push_back(run.value);
  }
}

TEST(Step, TakesItsTime) {
  EXPECT_EQ(RunStep({"sleep", "1500", "0", "a"}).paused_ns, 1'500'000);
  EXPECT_EQ(RunStep({"spin", "50", "0", "a"}).value.size(), 32u);
}

TEST(Step, StopsWhenItIsToldTo) {
  FakeRun sleeping{.args = {"sleep", "1000", "0", "a"}, .value = {}, .problem = {}, .stop = true};
  sleeping.Call("step");
  EXPECT_EQ(sleeping.value, "");
  FakeRun spinning{
      .args = {"spin", "3600000000", "0", "a"}, .value = {}, .problem = {}, .stop = true};
  spinning.Call("step");
  EXPECT_EQ(spinning.value, "");
}

TEST(Step, SaysWhatIsWrongWithItsArguments) {
  const auto problem = [](std::vector<std::string> args) {
    return RunStep(std::move(args)).problem;
  };
  EXPECT_NE(problem({"sleep", "1", "2"}).find("there are 3 arguments"), std::string::npos);
  EXPECT_NE(problem({"rest", "1", "2", "a"}).find("\"rest\""), std::string::npos);
  EXPECT_NE(problem({"sleep", "-1", "2", "a"}).find("microseconds"), std::string::npos);
  EXPECT_NE(problem({"sleep", "1", "x", "a"}).find("bytes"), std::string::npos);
  EXPECT_NE(problem({"sleep", "1", "99999999999", "a"}).find("the most is"), std::string::npos);
}

}  // namespace
}  // namespace spillgate::replay
