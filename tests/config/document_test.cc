#include "config/document.h"

#include <gtest/gtest.h>

namespace spillgate::config {
namespace {

const Entry* Find(const Node& table, std::string_view key) {
  for (const Entry& entry : table.entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

TEST(Document, KnowsWhereKeysAndValuesStand) {
  const Result<Node> parsed = ParseDocument("# first\n[stage.scheduling]\n  batch =  64\n", "f");
  ASSERT_TRUE(parsed.ok());
  const Entry* stage = Find(parsed.value(), "stage");
  ASSERT_NE(stage, nullptr);
  const Entry* scheduling = Find(stage->value, "scheduling");
  ASSERT_NE(scheduling, nullptr);
  EXPECT_EQ(scheduling->at, (Position{2, 8}));
  const Entry* batch = Find(scheduling->value, "batch");
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->at, (Position{3, 3}));
  EXPECT_EQ(batch->value.at, (Position{3, 12}));
}

TEST(Document, KeepsEveryKindOfValue) {
  const Result<Node> parsed = ParseDocument(
      "a = \"x\"\nb = 0o600\nc = 0.5\nd = true\ne = [1, 2]\nf = { g = 1 }\nh = 2024-01-01\n", "f");
  ASSERT_TRUE(parsed.ok());
  const Node& root = parsed.value();
  EXPECT_EQ(Find(root, "a")->value.text, "x");
  EXPECT_EQ(Find(root, "b")->value.integer, 0600);
  EXPECT_EQ(Find(root, "c")->value.number, 0.5);
  EXPECT_TRUE(Find(root, "d")->value.flag);
  EXPECT_EQ(Find(root, "e")->value.items.size(), 2U);
  EXPECT_EQ(Find(root, "f")->value.entries.size(), 1U);
  EXPECT_EQ(Find(root, "h")->value.kind, Node::Kind::kDate);
}

TEST(Document, SyntaxErrorsNameTheirPlace) {
  const Result<Node> twice = ParseDocument("a = 1\nb = 2\na = 3\n", "f.toml");
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ(twice.error().code, Code::kInvalid);
  EXPECT_EQ(twice.error().message.rfind("f.toml:3:", 0), 0U) << twice.error().message;
  const Result<Node> open = ParseDocument("a = \"x", "f.toml");
  ASSERT_FALSE(open.ok());
  EXPECT_EQ(open.error().message.rfind("f.toml:1:", 0), 0U) << open.error().message;
}

TEST(Document, WhatCouldUseUpTheStackIsRefused) {
  std::string dots = "a";
  for (int i = 0; i < 100'000; ++i) dots += ".a";
  for (const std::string& text :
       {dots + " = 1", "[" + dots + "]\nx = 1", "a = " + std::string(100'000, '['),
        "a = " + std::string(100'000, '{'), "#\n\"#\"." + dots + " = 1"}) {
    const Result<Node> parsed = ParseDocument(text, "f");
    EXPECT_FALSE(parsed.ok());
  }
  EXPECT_TRUE(ParseDocument("  # " + std::string(1000, '.') + "\na = 1\n", "f").ok());
}

TEST(Document, AFileHasABound) {
  const Result<Node> parsed = ParseDocument(std::string(kMostFileBytes + 1, '\n'), "f");
  ASSERT_FALSE(parsed.ok());
  EXPECT_NE(parsed.error().message.find("1048576"), std::string::npos);
  EXPECT_TRUE(ParseDocument(std::string(kMostFileBytes, '\n'), "f").ok());
}

TEST(Document, OneValueIsOneValue) {
  EXPECT_EQ(ParseValue("64")->integer, 64);
  EXPECT_EQ(ParseValue("\"64\"")->text, "64");
  EXPECT_EQ(ParseValue("[1, 2]")->items.size(), 2U);
  for (const char* text : {"", "10min", "1\nb = 2", "1 2", "x", "1\r"}) {
    EXPECT_FALSE(ParseValue(text).has_value()) << text;
  }
}

TEST(Document, QuotedTextReadsBack) {
  for (const std::string& text :
       {std::string("plain"), std::string("a\"b\\c"), std::string("tab\there\x7f"),
        std::string("\0zero", 5), std::string("\xc3\xa9")}) {
    EXPECT_EQ(ParseValue(Quote(text))->text, text);
    const Result<Node> keyed = ParseDocument(QuoteKey(text) + " = 1", "f");
    ASSERT_TRUE(keyed.ok()) << QuoteKey(text);
    EXPECT_EQ(keyed.value().entries.at(0).key, text);
  }
  EXPECT_EQ(QuoteKey("a-b_C9"), "a-b_C9");
  EXPECT_EQ(QuoteKey("a.b"), "\"a.b\"");
  EXPECT_EQ(QuoteKey(""), "\"\"");
}

TEST(Document, LongValuesAreShownShortAndWhole) {
  Node node;
  node.kind = Node::Kind::kText;
  for (int i = 0; i < 100; ++i)
    node.text += "\xc3\xa9";  // two bytes each, so a cut could split one
  const std::string shown = Show(node);
  EXPECT_LT(shown.size(), 60U);
  EXPECT_TRUE(ParseValue(shown.substr(0, shown.size() - 3)).has_value()) << shown;
}

}  // namespace
}  // namespace spillgate::config
