#include "client/replay/workflow.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/base/json.h"

namespace spillgate::replay {
namespace {

using std::chrono::milliseconds;

Json Task(const std::string& id, const std::vector<std::string>& parents,
          const std::vector<std::string>& children, const std::vector<std::string>& outputs = {}) {
  return {{"name", id},
          {"id", id},
          {"parents", parents},
          {"children", children},
          {"inputFiles", Json::array()},
          {"outputFiles", outputs}};
}

// A diamond, whose tasks do not stand in order.
Json Diamond() {
  Json document = {{"name", "diamond"}, {"schemaVersion", "1.5"}};
  Json& workflow = document["workflow"];
  workflow["specification"]["tasks"] =
      Json::array({Task("d", {"b", "c"}, {}, {"out"}), Task("b", {"a"}, {"d"}),
                   Task("c", {"a"}, {"d"}), Task("a", {}, {"b", "c"}, {"big", "small"})});
  workflow["specification"]["files"] = Json::array({{{"id", "big"}, {"sizeInBytes", 1000}},
                                                    {{"id", "small"}, {"sizeInBytes", 24}},
                                                    {{"id", "out"}, {"sizeInBytes", 7}}});
  workflow["execution"]["tasks"] = Json::array({{{"id", "a"}, {"runtimeInSeconds", 1.5}},
                                                {{"id", "b"}, {"runtimeInSeconds", 0}},
                                                {{"id", "c"}, {"runtimeInSeconds", 0.25}},
                                                {{"id", "d"}, {"runtimeInSeconds", 3}}});
  return document;
}

Result<Workflow> Parse(const Json& document) {
  return ParseWorkflow(document.dump(), "x.json");
}

// Why it is refused: has to name the file, and `what`.
void ExpectRefused(const Json& document, const std::string& what) {
  const Result<Workflow> workflow = Parse(document);
  ASSERT_FALSE(workflow.ok()) << what;
  EXPECT_EQ(workflow.error().code, Code::kInvalid);
  EXPECT_NE(workflow.error().message.find("x.json"), std::string::npos) << workflow.error().message;
  EXPECT_NE(workflow.error().message.find(what), std::string::npos) << workflow.error().message;
}

Json& TasksOf(Json& document) {
  return document["workflow"]["specification"]["tasks"];
}

TEST(Workflow, ReadsTasksInAnOrderInWhichParentsComeFirst) {
  const Result<Workflow> parsed = Parse(Diamond());
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const Workflow& workflow = parsed.value();
  EXPECT_EQ(workflow.name, "diamond");
  EXPECT_EQ(workflow.edges(), 4u);
  ASSERT_EQ(workflow.steps.size(), 4u);
  EXPECT_EQ(workflow.steps[0].id, "a");
  EXPECT_EQ(workflow.steps[0].runtime, milliseconds(1500));
  EXPECT_EQ(workflow.steps[0].output_bytes, 1024u);
  const Step& last = workflow.steps[3];
  EXPECT_EQ(last.id, "d");
  EXPECT_EQ(last.output_bytes, 7u);
  ASSERT_EQ(last.parents.size(), 2u);
  EXPECT_EQ(workflow.steps[last.parents[0]].id, "b") << "parents keep the order they are named in";
  EXPECT_EQ(workflow.steps[last.parents[1]].id, "c");
  for (std::uint32_t i = 0; i < 4; ++i) {
    for (const std::uint32_t parent : workflow.steps[i].parents) EXPECT_LT(parent, i);
  }
}

TEST(Workflow, DoesNotNeedListsOfChildren) {
  Json document = Diamond();
  for (Json& task : TasksOf(document)) task.erase("children");
  const Result<Workflow> workflow = Parse(document);
  ASSERT_TRUE(workflow.ok()) << workflow.error().message;
  EXPECT_EQ(workflow.value().edges(), 4u);
}

TEST(Workflow, NamesACycle) {
  Json document = Diamond();
  TasksOf(document)[3]["parents"] = {"d"};
  TasksOf(document)[0]["children"] = {"a"};
  ExpectRefused(document, "circle");
  const Result<Workflow> workflow = Parse(document);
  const std::string& message = workflow.error().message;
  EXPECT_TRUE(message.find("a -> b -> d -> a") != std::string::npos ||
              message.find("d -> a -> b -> d") != std::string::npos ||
              message.find("b -> d -> a -> b") != std::string::npos)
      << message;
}

TEST(Workflow, NamesATaskThatWaitsForItself) {
  Json document = Diamond();
  TasksOf(document)[1]["parents"] = {"b"};
  TasksOf(document)[1]["children"] = {"b", "d"};
  TasksOf(document)[3]["children"] = {"c"};
  ExpectRefused(document, "b -> b");
}

TEST(Workflow, RefusesNamesOfNothing) {
  Json document = Diamond();
  TasksOf(document)[0]["parents"] = {"b", "nobody"};
  ExpectRefused(document, "parents of task \"d\" names \"nobody\"");
  document = Diamond();
  TasksOf(document)[0]["children"] = {"nobody"};
  ExpectRefused(document, "children of task \"d\" names \"nobody\"");
  document = Diamond();
  TasksOf(document)[0]["outputFiles"] = {"nothing"};
  ExpectRefused(document, "writes \"nothing\"");
  document = Diamond();
  document["workflow"]["execution"]["tasks"].push_back({{"id", "e"}, {"runtimeInSeconds", 1}});
  ExpectRefused(document, "\"e\", and there is no such task");
}

TEST(Workflow, RefusesEdgesThatOneSideDoesNotKnow) {
  Json document = Diamond();
  TasksOf(document)[1]["children"] = {"d", "c"};
  ExpectRefused(document, "\"b\" has the child \"c\"");
  document = Diamond();
  TasksOf(document)[1]["children"] = Json::array();
  ExpectRefused(document, "\"d\" has 2 parents, of which 1");
}

TEST(Workflow, RefusesWhatIsThereTwiceOrNotAtAll) {
  Json document = Diamond();
  TasksOf(document)[1]["id"] = "c";
  ExpectRefused(document, "two tasks have the id \"c\"");
  document = Diamond();
  TasksOf(document)[0]["parents"] = {"b", "c", "b"};
  ExpectRefused(document, "names \"b\" twice");
  document = Diamond();
  document["workflow"]["execution"]["tasks"].erase(2);
  ExpectRefused(document, "\"c\" is not in workflow.execution.tasks");
  document = Diamond();
  TasksOf(document) = Json::array();
  ExpectRefused(document, "has 0 tasks");
  document = Diamond();
  TasksOf(document)[2].erase("id");
  ExpectRefused(document, "tasks[2] has no id");
  document = Diamond();
  document["workflow"].erase("execution");
  ExpectRefused(document, "no workflow.execution.tasks");
}

TEST(Workflow, RefusesOtherVersionsAndOtherFiles) {
  Json document = Diamond();
  document["schemaVersion"] = "1.4";
  ExpectRefused(document, "schemaVersion is \"1.4\"");
  document.erase("schemaVersion");
  ExpectRefused(document, "no schemaVersion");
  ExpectRefused(Json::array({1, 2}), "no schemaVersion");
  const Result<Workflow> torn = ParseWorkflow(Diamond().dump().substr(0, 200), "x.json");
  ASSERT_FALSE(torn.ok());
  EXPECT_NE(torn.error().message.find("x.json is no JSON"), std::string::npos);
}

TEST(Workflow, RefusesNumbersThatAreNone) {
  for (const Json& bad : {Json(-1), Json("1"), Json(1e9), Json(nullptr)}) {
    Json document = Diamond();
    document["workflow"]["execution"]["tasks"][0]["runtimeInSeconds"] = bad;
    ExpectRefused(document, "runtimeInSeconds of \"a\"");
    document = Diamond();
    const bool too_much = bad.is_number() && bad > 0;
    document["workflow"]["specification"]["files"][0]["sizeInBytes"] = too_much ? Json(1e16) : bad;
    ExpectRefused(document, "sizeInBytes of \"big\"");
  }
  Json document = Diamond();
  document["workflow"]["execution"]["tasks"][1].erase("runtimeInSeconds");
  ExpectRefused(document, "\"b\" has no runtimeInSeconds");
}

// Whatever is torn out of a document, the answer is a workflow or a sentence.
TEST(Workflow, SurvivesAnyMissingPart) {
  const Json flat = Diamond().flatten();
  for (const auto& part : flat.items()) {
    Json less = flat;
    less.erase(part.key());
    const Json document = less.unflatten();
    for (const Json& other : {document, Json::parse(document.dump())}) {
      const Result<Workflow> workflow = Parse(other);
      EXPECT_TRUE(workflow.ok() || !workflow.error().message.empty());
    }
    Json wrong = flat;
    wrong[part.key()] = 7;
    (void)Parse(wrong.unflatten());
  }
}

TEST(Workflow, SaysWhichFileIsNotThere) {
  const Result<Workflow> workflow = ReadWorkflow("/nowhere/at/all.json");
  ASSERT_FALSE(workflow.ok());
  EXPECT_EQ(workflow.error().code, Code::kNotFound);
  EXPECT_NE(workflow.error().message.find("/nowhere/at/all.json"), std::string::npos);
}

// The records that the project is judged by lie beside the tree, where they are.
TEST(Workflow, ReadsTheRecordsBesideTheTree) {
  struct Known {
    const char* file;
    std::size_t tasks, edges;
    int seconds;
  };
  constexpr Known kKnown[] = {{"helloworld-chain-5-chameleon.json", 5, 4, 501},
                              {"helloworld-forkjoin-10-chameleon.json", 10, 16, 1029},
                              {"bacass-dirt02-001.json", 11, 14, 3962},
                              {"sarek-dirt02-001.json", 26, 50, 393},
                              {"1000genome-chameleon-2ch-100k-001.json", 52, 76, 2771},
                              {"bwa-chameleon-small-001.json", 104, 400, 380},
                              {"rnaseq-dirt02-001.json", 197, 451, 2580},
                              {"blast-chameleon-medium-001.json", 303, 900, 31513}};
  const std::filesystem::path folder = "../shared/workflows";
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << "there are no records of workflows in " << folder;
  }
  for (const Known& known : kKnown) {
    const Result<Workflow> workflow = ReadWorkflow(folder / known.file);
    ASSERT_TRUE(workflow.ok()) << workflow.error().message;
    EXPECT_EQ(workflow.value().steps.size(), known.tasks) << known.file;
    EXPECT_EQ(workflow.value().edges(), known.edges) << known.file;
    Nanos sum{0};
    for (const Step& step : workflow.value().steps) sum += step.runtime;
    EXPECT_NEAR(std::chrono::duration<double>(sum).count(), known.seconds, 1) << known.file;
  }
}

}  // namespace
}  // namespace spillgate::replay
