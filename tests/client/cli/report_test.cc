#include "client/cli/report.h"

#include <gtest/gtest.h>

#include <string>

#include "client/cli/exits.h"
#include "client/cli/submitter.h"

namespace spillgate::cli {
namespace {

using client::Failure;
using client::FailureKind;

TEST(Report, Base64AsInItsStandard) {
  EXPECT_EQ(Base64(AsBytes("")), "");
  EXPECT_EQ(Base64(AsBytes("f")), "Zg==");
  EXPECT_EQ(Base64(AsBytes("fo")), "Zm8=");
  EXPECT_EQ(Base64(AsBytes("foo")), "Zm9v");
  EXPECT_EQ(Base64(AsBytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(Base64(AsBytes("\xff\xfe\xfd")), "//79");
}

TEST(Report, ValuesAreTextWhereTheyCanBe) {
  EXPECT_EQ(ToJson(AsBytes("gr\xc3\xbc\xc3\x9f\n")).dump(),
            "{\"size\":7,\"encoding\":\"text\",\"value\":\"gr\xc3\xbc\xc3\x9f\\n\"}");
  EXPECT_EQ(ToJson(AsBytes("\xff")).dump(),
            "{\"size\":1,\"encoding\":\"base64\",\"value\":\"/w==\"}");
  EXPECT_EQ(ToJson(AsBytes(std::string("\0", 1)))["encoding"], "base64");
  EXPECT_EQ(ToJson(AsBytes(""))["encoding"], "text");
}

TEST(Report, AShedTaskSaysWhoRefusedItAndUntilWhen) {
  const Json json = ToJson(Failure{.kind = FailureKind::kShed,
                                   .reason = Reason::kInFlight,
                                   .retry_after = std::chrono::microseconds(40),
                                   .message = "no"});
  EXPECT_EQ(json.dump(),
            "{\"kind\":\"shed\",\"reason\":\"in_flight\",\"message\":\"no\","
            "\"stage\":\"submission\",\"retry_after_us\":40}");
}

TEST(Report, OtherFailuresSayWhatTheyKnow) {
  const TaskId cause{1, 2};
  const Json json = ToJson(Failure{.kind = FailureKind::kDependencyFailed,
                                   .reason = Reason::kDependencyFailed,
                                   .cause = cause,
                                   .message = "no"});
  EXPECT_EQ(json["cause"], ToString(cause));
  EXPECT_FALSE(json.contains("retry_after_us"));
}

TEST(Report, HeadingsNameTheVerb) {
  EXPECT_EQ(Heading("get").dump(), "{\"schema\":\"spillgate.get/1\"}");
}

TEST(Exits, ScriptsCanTellTheKindsApart) {
  const auto exit = [](FailureKind kind) { return ExitOf(Failure{.kind = kind}); };
  EXPECT_EQ(exit(FailureKind::kShed), 75);
  EXPECT_EQ(exit(FailureKind::kUnavailable), 69);
  EXPECT_EQ(exit(FailureKind::kTimeout), 124);
  EXPECT_EQ(exit(FailureKind::kExpired), 124);
  EXPECT_EQ(exit(FailureKind::kInvalid), 2);
  EXPECT_EQ(exit(FailureKind::kTaskFailed), 1);
  EXPECT_EQ(exit(FailureKind::kCancelled), 1);
  EXPECT_EQ(exit(FailureKind::kGone), 1);
}

TEST(Verdicts, OnlyWhatDidNotRunIsRejected) {
  const auto verdict = [](FailureKind kind, Reason reason = Reason::kNone) {
    return VerdictOf({.failure = Failure{.kind = kind, .reason = reason}});
  };
  EXPECT_EQ(VerdictOf({.accepted = true}), "accepted");
  EXPECT_EQ(verdict(FailureKind::kShed), "rejected");
  EXPECT_EQ(verdict(FailureKind::kRefused), "rejected");
  EXPECT_EQ(verdict(FailureKind::kExpired, Reason::kExpired), "rejected");
  EXPECT_EQ(verdict(FailureKind::kExpired, Reason::kDeadline), "accepted");
  EXPECT_EQ(verdict(FailureKind::kTaskFailed), "accepted");
  EXPECT_EQ(verdict(FailureKind::kOutcomeUnknown), "unknown");
  EXPECT_EQ(verdict(FailureKind::kUnavailable), "unknown");
}

}  // namespace
}  // namespace spillgate::cli
