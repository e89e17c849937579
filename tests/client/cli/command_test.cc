// The command line without a node: what is understood, and what is said of mistakes.
#include "client/cli/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace spillgate::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

std::string TextOf(std::FILE* file) {
  EXPECT_EQ(std::fseek(file, 0, SEEK_SET), 0);
  std::string text(1 << 20, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  return text;
}

Outcome RunWith(std::vector<const char*> words) {
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  const File out(std::tmpfile(), &std::fclose);
  const File err(std::tmpfile(), &std::fclose);
  words.insert(words.begin(), "spillgate");
  Outcome outcome;
  outcome.code = Main(static_cast<int>(words.size()), words.data(), out.get(), err.get());
  outcome.out = TextOf(out.get());
  outcome.err = TextOf(err.get());
  return outcome;
}

class Command : public ::testing::Test {
 protected:
  Command() {
    for (const char* name : kVariables) unsetenv(name);
  }
  ~Command() override {
    for (const char* name : kVariables) unsetenv(name);
  }
  static constexpr const char* kVariables[] = {"SPILLGATE_ADDRESS", "SPILLGATE_OUTPUT",
                                               "SPILLGATE_TIMEOUT", "SPILLGATE_TOKEN_FILE"};
};

constexpr const char* kNowhere = "unix:///nonexistent/spillgate.sock";

void ExpectUsage(const std::vector<const char*>& words, const std::string& says) {
  const Outcome outcome = RunWith(words);
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_THAT(outcome.err, AllOf(StartsWith("spillgate: "), HasSubstr(says)));
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << "one sentence: " << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

TEST_F(Command, MistakesAreToldInOneSentence) {
  ExpectUsage({}, "--help");
  ExpectUsage({"submti"}, "no verb 'submti' (did you mean 'submit'?)");
  ExpectUsage({"-a", kNowhere, "stats"}, "no verb 'stats'");
  ExpectUsage({"submit"}, "FUNCTION is required; see spillgate submit --help");
  ExpectUsage({"submit", "echo", "--colour"}, "--colour");
  ExpectUsage({"submit", "echo", "--class", "urgent"},
              "--class is \"urgent\"; it has to be one of");
  ExpectUsage({"submit", "echo", "--level", "disk"}, "none, async, sync");
  ExpectUsage({"submit", "echo", "--deadline", "20"}, "--deadline is \"20\"");
  ExpectUsage({"submit", "echo", "--deadline", "0s"}, "--deadline is \"0s\"");
  ExpectUsage({"submit", "echo", "--count", "0"}, "--count");
  ExpectUsage({"submit", "echo", "--returns", "256"}, "--returns");
  ExpectUsage({"get"}, "ID is required");
  ExpectUsage({"get", "17"}, "\"17\" is no id");
  ExpectUsage({"wait", "-k", "2", "00c5a1e2b7d94f36-17"}, "-k 2 of 1 ids");
  ExpectUsage({"status", "x"}, "\"x\" is no id");
  ExpectUsage({"cancel", "x"}, "\"x\" is no id");
  ExpectUsage({"stages", "--watch=soon"}, "--watch is \"soon\"");
  ExpectUsage({"-o", "yaml", "stages"}, "yaml");
  ExpectUsage({"--timeout", "long", "stages"}, "--timeout is \"long\"");
  ExpectUsage({"-a", "http://x", "status"}, "expected unix:///path or tcp://host:port");
  ExpectUsage({"config"}, "see spillgate config --help");
  ExpectUsage({"completion", "tcsh"}, "tcsh");
  ExpectUsage({"up", "--log", "x"}, "--background");
  ExpectUsage({"-a", "nowhere", "up"}, "nowhere");
  ExpectUsage({"get", "--output", "f", "00c5a1e2b7d94f36-17", "00c5a1e2b7d94f36-18"}, "one id");
}

TEST_F(Command, VariablesStandInForGlobals) {
  setenv("SPILLGATE_TIMEOUT", "long", 1);
  ExpectUsage({"status"}, "--timeout is \"long\"");
  setenv("SPILLGATE_TIMEOUT", "200ms", 1);
  setenv("SPILLGATE_ADDRESS", kNowhere, 1);
  const Outcome outcome = RunWith({"status"});
  EXPECT_EQ(outcome.code, 69);
  EXPECT_THAT(outcome.err, HasSubstr("/nonexistent/spillgate.sock"));
}

TEST_F(Command, WithoutANodeEachVerbThatNeedsOneSays69) {
  const std::vector<std::vector<const char*>> verbs = {{"submit", "echo"},
                                                       {"run", "echo"},
                                                       {"get", "00c5a1e2b7d94f36-17"},
                                                       {"wait", "00c5a1e2b7d94f36-17"},
                                                       {"cancel", "00c5a1e2b7d94f36-17"},
                                                       {"status"},
                                                       {"status", "00c5a1e2b7d94f36-17"},
                                                       {"stages"},
                                                       {"stages", "--watch"},
                                                       {"drain"}};
  for (std::vector<const char*> words : verbs) {
    words.insert(words.end(), {"-a", kNowhere, "--timeout", "200ms"});  // after the verb, too
    const Outcome outcome = RunWith(words);
    EXPECT_EQ(outcome.code, 69) << words.front() << ": " << outcome.err;
    EXPECT_EQ(outcome.out, "") << words.front();
    EXPECT_THAT(outcome.err, HasSubstr("/nonexistent/spillgate.sock")) << words.front();
  }
}

TEST_F(Command, VersionNeedsNoNode) {
  const Outcome table = RunWith({"version", "-a", kNowhere, "--timeout", "200ms"});
  EXPECT_EQ(table.code, 0);
  EXPECT_THAT(table.out, AllOf(HasSubstr(SPILLGATE_VERSION), HasSubstr("none: ")));
  const Outcome json = RunWith({"-o", "json", "-a", kNowhere, "--timeout", "200ms", "version"});
  EXPECT_EQ(json.code, 0);
  const Json parsed = Json::parse(json.out);
  EXPECT_EQ(parsed["schema"], "spillgate.version/1");
  EXPECT_EQ(parsed["version"], SPILLGATE_VERSION);
  EXPECT_EQ(parsed["node"]["reachable"], false);
  EXPECT_EQ(RunWith({"--version"}).out, "spillgate " SPILLGATE_VERSION "\n");
}

TEST_F(Command, HelpIsDataAndNamesEveryVerb) {
  const Outcome all = RunWith({"--help"});
  EXPECT_EQ(all.code, 0);
  EXPECT_EQ(all.err, "");
  for (const Verb& verb : Verbs()) {
    EXPECT_THAT(all.out, HasSubstr(std::string(verb.name))) << verb.name;
    const Outcome one = RunWith({verb.name.data(), "--help"});
    EXPECT_EQ(one.code, 0) << verb.name;
    EXPECT_THAT(one.out, HasSubstr(std::string("spillgate ") + std::string(verb.name)));
  }
  EXPECT_THAT(RunWith({"up", "--help"}).out, Not(HasSubstr("private-dir")));
}

TEST_F(Command, ConfigIsCheckedAndPrinted) {
  const Outcome good = RunWith({"config", "check", "--set", "limits.park=7"});
  EXPECT_EQ(good.code, 0) << good.err;
  const Outcome bad = RunWith({"config", "check", "--set", "limits.prak=7"});
  EXPECT_EQ(bad.code, 78);
  EXPECT_EQ(bad.out, "");
  EXPECT_THAT(bad.err, HasSubstr("did you mean"));
  const Outcome missing = RunWith({"config", "check", "-c", "/nonexistent/x.toml"});
  EXPECT_EQ(missing.code, 78);
  EXPECT_THAT(missing.err, HasSubstr("/nonexistent/x.toml"));
  const Outcome json = RunWith({"-o", "json", "config", "check", "--set", "limits.prak=7"});
  EXPECT_EQ(json.code, 78);
  const Json problems = Json::parse(json.out);
  EXPECT_EQ(problems["schema"], "spillgate.config/1");
  EXPECT_EQ(problems["ok"], false);
  EXPECT_EQ(problems["problems"].size(), 1U);
  const Outcome print = RunWith({"config", "print", "--set", "limits.park=7"});
  EXPECT_THAT(print.out, HasSubstr("park = 7"));
  const Json settings = Json::parse(
      RunWith({"config", "print", "-o", "json", "--set", "auth.allow_uids=[1,2]"}).out)["settings"];
  bool found = false;
  for (const Json& setting : settings) {
    if (setting["key"] != "auth.allow_uids") continue;
    found = true;
    EXPECT_EQ(setting["value"], "[1, 2]");
    EXPECT_EQ(setting["origin"], "flag");
  }
  EXPECT_TRUE(found);
}

TEST_F(Command, CompletionKnowsVerbsAndOptions) {
  const std::string bash = RunWith({"completion", "bash"}).out;
  EXPECT_THAT(bash, AllOf(HasSubstr("submit) words="), HasSubstr("--deadline"),
                          HasSubstr("complete -o default -F _spillgate spillgate"),
                          Not(HasSubstr("private-dir"))));
  EXPECT_THAT(RunWith({"completion", "zsh"}).out, HasSubstr("bashcompinit"));
  EXPECT_THAT(RunWith({"completion", "fish"}).out,
              HasSubstr("complete -c spillgate -f -n __fish_use_subcommand -a stages -d '"));
}

TEST_F(Command, OutputThatCannotBeWrittenIsAFailure) {
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  const File full(std::fopen("/dev/full", "we"), &std::fclose);
  const File err(std::tmpfile(), &std::fclose);
  if (full == nullptr) GTEST_SKIP() << "there is no /dev/full here";
  const char* words[] = {"spillgate", "completion", "bash"};
  EXPECT_EQ(Main(3, words, full.get(), err.get()), 1);
  EXPECT_THAT(TextOf(err.get()), HasSubstr("cannot write the output: No space left on device"));
}

}  // namespace
}  // namespace spillgate::cli
