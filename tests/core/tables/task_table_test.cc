#include "core/tables/task_table.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace spillgate {
namespace {

using std::chrono::milliseconds;

class TaskTableTest : public testing::Test {
 protected:
  TaskTableTest() {
    table.mutex().lock();
    session = &table.NewSession(1);
  }
  ~TaskTableTest() override { table.mutex().unlock(); }

  Record& Accept(std::uint64_t seq, Record* parent = nullptr) {
    RootPtr root = parent == nullptr ? table.MakeRoot() : parent->root;
    return table.Accept({1, seq}, *session, root, parent);
  }
  static Outcome Done(std::string_view value) {
    Outcome outcome;
    outcome.fate = Fate::kDone;
    outcome.value = Value(AsBytes(value));
    return outcome;
  }

  TaskTable table{16};
  Session* session = nullptr;
};

TEST_F(TaskTableTest, ARecordLivesUntilItHasEndedAndIsReleased) {
  Record& ended_first = Accept(1);
  table.Settle(ended_first, Done("x"), Instant());
  EXPECT_EQ(session->unfetched, 1U);
  EXPECT_TRUE(table.Release(ended_first));
  EXPECT_FALSE(table.Release(ended_first));
  table.Sweep(ended_first);
  EXPECT_EQ(table.Find({1, 1}), nullptr);

  Record& released_first = Accept(2);
  EXPECT_TRUE(table.Release(released_first));
  table.Sweep(released_first);
  ASSERT_NE(table.Find({1, 2}), nullptr);
  table.Settle(released_first, Done("x"), Instant());
  table.Sweep(released_first);
  EXPECT_EQ(table.Find({1, 2}), nullptr);
  EXPECT_EQ(session->unfetched, 0U);
  EXPECT_EQ(session->unfinished, 0U);
}

TEST_F(TaskTableTest, WhatAParentLetsGoOfIsForgottenWhileItGoesOn) {
  Record& parent = Accept(1);
  const std::string value(1000, 'x');
  for (std::uint64_t seq = 2; seq < 100; ++seq) {
    Record& child = Accept(seq, &parent);
    table.Settle(child, Done(value), Instant());
    table.Sweep(child);
    EXPECT_EQ(session->kept_children, 1U);
    EXPECT_GE(session->kept_child_bytes, value.size());
    EXPECT_TRUE(table.Release(child));
    table.Sweep(child);
  }
  EXPECT_EQ(table.records(), 1U);
  EXPECT_EQ(table.value_bytes(), 0U);
  EXPECT_EQ(session->kept_children, 0U);
  EXPECT_EQ(session->kept_child_bytes, 0U);
  EXPECT_EQ(session->unfetched, 0U) << "the client cannot let go of them";
  EXPECT_EQ(parent.first_child, nullptr);
}

TEST_F(TaskTableTest, WhatMayRunOnceStaysUntilItsParentEnds) {
  Record& parent = Accept(1);
  Record& child = Accept(2, &parent);
  child.once = true;
  table.Settle(child, Done("x"), Instant());
  EXPECT_TRUE(table.Release(child));
  table.Sweep(child);
  ASSERT_NE(table.Find({1, 2}), nullptr);
  EXPECT_EQ(session->kept_children, 1U);
  table.Settle(parent, Done("x"), Instant());
  EXPECT_EQ(table.Find({1, 2}), nullptr);
  EXPECT_EQ(session->kept_children, 0U);
}

TEST_F(TaskTableTest, AChildStaysWhileThereIsSomethingOpenBelowIt) {
  Record& parent = Accept(1);
  Record& child = Accept(2, &parent);
  Record& grandchild = Accept(3, &child);
  table.Settle(child, Done("x"), Instant());
  EXPECT_EQ(grandchild.parent, &parent);
  EXPECT_EQ(grandchild.via, &child);
  EXPECT_TRUE(table.Release(child));
  table.Sweep(child);
  ASSERT_NE(table.Find({1, 2}), nullptr);
  table.Settle(grandchild, Done("x"), Instant());
  table.Sweep(grandchild);
  EXPECT_EQ(table.records(), 1U);
  EXPECT_EQ(session->children, nullptr);
  EXPECT_EQ(session->listed, 1U);
}

TEST_F(TaskTableTest, WhatGoesOnWithoutAParentIsAmongTheSessionsOwn) {
  Record& parent = Accept(1);
  Record& child = Accept(2, &parent);
  Record& grandchild = Accept(3, &child);
  table.Settle(child, Done("x"), Instant());
  table.Settle(parent, Done("x"), Instant());
  EXPECT_EQ(table.Find({1, 2}), nullptr) << "its grandchild is nobody's any more";
  EXPECT_EQ(grandchild.parent, nullptr);
  EXPECT_EQ(session->records, &grandchild);
  EXPECT_EQ(session->children, nullptr);
  table.Settle(grandchild, Done("x"), Instant());
  table.Sweep(grandchild);
  EXPECT_EQ(session->unfetched, 1U) << "of the parent";
}

TEST_F(TaskTableTest, PinsAndWaitersAndInterestKeepARecordEachByItself) {
  const auto ended = [&](std::uint64_t seq) -> Record& {
    Record& record = Accept(seq);
    table.Settle(record, Done("x"), Instant());
    return record;
  };
  Record& pinned = ended(1);
  Record& awaited = ended(2);
  Record& wanted = ended(3);
  pinned.pins = 1;
  table.Attach(table.NewRequest(7, 1, kNever), awaited, 0);
  wanted.wanted = true;
  for (Record* record : {&pinned, &awaited, &wanted}) {
    table.Release(*record);
    table.Sweep(*record);
  }
  EXPECT_EQ(table.records(), 3U);
  pinned.pins = 0;
  table.Sweep(pinned);
  EXPECT_EQ(table.Find({1, 1}), nullptr);
  table.ForgetConnection(7);
  EXPECT_EQ(table.Find({1, 2}), nullptr);
  EXPECT_EQ(table.requests(), 0U);
  wanted.wanted = false;
  table.Sweep(wanted);
  EXPECT_EQ(table.records(), 0U);
}

TEST_F(TaskTableTest, ChildrenGoWithTheirParent) {
  Record& parent = Accept(1);
  Record& ended = Accept(2, &parent);
  Record& running = Accept(3, &parent);
  EXPECT_EQ(parent.root->unfinished, 3U);
  table.Settle(ended, Done("x"), Instant());
  EXPECT_NE(table.Find({1, 2}), nullptr);  // the parent may still want it
  table.Settle(parent, Done("y"), Instant());
  EXPECT_EQ(table.Find({1, 2}), nullptr);
  EXPECT_EQ(running.parent, nullptr);
  table.Settle(running, Done("z"), Instant());
  table.Sweep(running);
  EXPECT_EQ(table.Find({1, 3}), nullptr);
  EXPECT_NE(table.Find({1, 1}), nullptr);  // its session has not released it
}

TEST_F(TaskTableTest, CancelReachesTheWholeTreeInBoundedPieces) {
  Record& top = Accept(0);
  std::vector<Record*> all{&top};
  for (std::uint64_t i = 1; i < 200; ++i) all.push_back(&Accept(i, all[(i - 1) / 3]));
  table.Settle(*all[199], Done("x"), Instant());  // an ended leaf is not cancelled
  std::vector<TaskId> marked;
  int passes = 0;
  bool whole = false;
  std::size_t looks = 3 * all.size();
  while (!whole) {
    std::vector<TaskId> some;
    whole = table.Cancel(top, 50, looks, some);
    EXPECT_LE(some.size(), 50U);
    marked.insert(marked.end(), some.begin(), some.end());
    ASSERT_LT(++passes, 10);
  }
  EXPECT_EQ(marked.size(), 199U);
  std::sort(marked.begin(), marked.end());
  EXPECT_EQ(std::unique(marked.begin(), marked.end()), marked.end());
  Record& late = Accept(500, all[10]);
  EXPECT_TRUE(late.cancelled);  // born into a cancelled tree
}

TEST_F(TaskTableTest, ACancelLooksAtNothingTwiceAndAtNoMoreThanItMay) {
  Record& top = Accept(0);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    Record& child = Accept(i, &top);
    if (i % 10 != 0) table.Settle(child, Done("x"), Instant());  // it stays, for its parent
  }
  std::vector<TaskId> marked;
  std::size_t looks = 30;
  EXPECT_FALSE(table.Cancel(top, 50, looks, marked));
  EXPECT_EQ(looks, 0U);
  EXPECT_EQ(marked.size(), 4U) << "itself, and three of the latest thirty";
  looks = 71;
  EXPECT_TRUE(table.Cancel(top, 50, looks, marked));
  EXPECT_EQ(looks, 1U);
  EXPECT_EQ(marked.size(), 11U);
  EXPECT_TRUE(table.Cancel(top, 50, looks, marked));
  EXPECT_EQ(looks, 1U) << "it knows that the tree is done";
}

TEST_F(TaskTableTest, ACancelUnderWayComesToThoseWhoseParentEndsMeanwhile) {
  Record& top = Accept(0);
  std::vector<Record*> middle;
  std::vector<Record*> lowest;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    middle.push_back(&Accept(i, &top));
    for (std::uint64_t j = 0; j < 4; ++j) lowest.push_back(&Accept(10 * i + j, middle.back()));
  }
  std::vector<TaskId> marked;
  std::size_t looks = 1000;
  EXPECT_FALSE(table.Cancel(top, 8, looks, marked)) << "it has one and a half of the three";
  for (Record* record : middle) {
    table.Settle(*record, Done("x"), Instant());
    table.Sweep(*record);
  }
  EXPECT_TRUE(table.Cancel(top, 50, looks, marked));
  for (const Record* record : lowest) EXPECT_TRUE(record->cancelled) << record->id.seq;
  EXPECT_EQ(marked.size(), 1U + 2 + 12);
}

TEST_F(TaskTableTest, AnOpenedRootEndsWhenItIsClosedAndEmpty) {
  RootPtr root = table.MakeRoot();
  root->id = {1, 100};
  root->session = 1;
  root->explicit_open = true;
  table.AddRoot(root);
  Record& task = table.Accept({1, 1}, *session, root, nullptr);
  table.CloseRoot(*root);
  EXPECT_FALSE(root->ended);
  EXPECT_TRUE(table.FindRoot({1, 100}));
  table.Settle(task, Done("x"), Instant());
  EXPECT_TRUE(root->ended);
  EXPECT_FALSE(table.FindRoot({1, 100}));
}

TEST_F(TaskTableTest, RequestsExpireInOrderAndAnsweredOnesDoNot) {
  Record& record = Accept(1);
  std::vector<Request*> requests;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    requests.push_back(&table.NewRequest(1 + i % 5, i, Instant(milliseconds(1 + (i * 37) % 500))));
    table.Attach(*requests.back(), record, 0);
  }
  for (std::uint32_t i = 0; i < 3000; i += 2) table.Forget(*requests[i]);
  Instant last = Instant();
  int expired = 0;
  while (Request* request = table.NextExpired(Instant(milliseconds(250)))) {
    EXPECT_EQ(request->correlation % 2, 1U);
    EXPECT_LE(last, request->deadline);
    last = request->deadline;
    table.Forget(*request);
    ++expired;
  }
  EXPECT_EQ(expired, 750);
  EXPECT_EQ(table.requests(), 750U);
}

// Whose memory was that of one which was answered.
TEST_F(TaskTableTest, ARequestDoesNotExpireByTheDeadlineOfAnother) {
  Record& record = Accept(1);
  Request& first = table.NewRequest(1, 1, Instant(milliseconds(5)));
  table.Attach(first, record, 0);
  table.Forget(first);
  Request& second = table.NewRequest(1, 2, Instant(milliseconds(50)));
  table.Attach(second, record, 0);
  EXPECT_EQ(table.NextExpired(Instant(milliseconds(10))), nullptr);
  EXPECT_EQ(table.NextExpired(Instant(milliseconds(50))), &second);
}

TEST_F(TaskTableTest, AnEndedSessionLeavesNothing) {
  Record& record = Accept(1);
  table.Settle(record, Done("a value that is longer than sixteen bytes"), Instant());
  EXPECT_GT(session->unfetched_bytes, 0U);
  table.EndSession(*session);
  EXPECT_EQ(table.FindSession(1), nullptr);
  EXPECT_EQ(table.records(), 0U);
}

TEST_F(TaskTableTest, ChildrenThatGoOnBelongToTheirParentsParent) {
  Record& top = Accept(1);
  Record& middle = Accept(2, &top);
  Record& lowest = Accept(3, &middle);
  table.Settle(middle, Done("x"), Instant());
  table.Sweep(middle);
  EXPECT_EQ(lowest.parent, &top);
  std::vector<TaskId> marked;
  std::size_t looks = 10;
  EXPECT_TRUE(table.Cancel(top, 10, looks, marked));
  EXPECT_EQ(marked.size(), 2U) << "its cancel still finds them";
  table.Settle(lowest, Done("x"), Instant());
  table.Sweep(lowest);
  EXPECT_EQ(table.Find({1, 3}), nullptr) << "they do not pile up under it";
  table.Settle(top, Done("x"), Instant());
}

TEST_F(TaskTableTest, AnAdoptedChildOutlivesItsLastAncestor) {
  Record& top = Accept(1);
  Record& middle = Accept(2, &top);
  Record& lowest = Accept(3, &middle);
  table.Settle(middle, Done("x"), Instant());
  table.Sweep(middle);
  table.Settle(top, Done("x"), Instant());
  EXPECT_EQ(lowest.parent, nullptr);
  table.Settle(lowest, Done("x"), Instant());
  table.Sweep(lowest);
  EXPECT_EQ(table.Find({1, 3}), nullptr);
}

TEST_F(TaskTableTest, TheEndOfASessionClosesItsRoots) {
  for (const std::uint64_t seq : {1, 2, 3}) {
    RootPtr root = table.MakeRoot();
    root->id = {1, seq};
    root->session = 1;
    root->explicit_open = true;
    table.AddRoot(root);
  }
  table.CloseRoot(*table.FindRoot({1, 2}));
  EXPECT_EQ(table.open_roots(), 2U);
  table.EndSession(*session);
  EXPECT_EQ(table.open_roots(), 0U);
}

}  // namespace
}  // namespace spillgate
