#include "core/tables/record_index.h"

#include <gtest/gtest.h>

#include <list>
#include <random>
#include <set>
#include <vector>

namespace spillgate {
namespace {

constexpr std::uint64_t kIds = 400;

// Records of a few hundred ids, put in and taken out at random.
class RecordIndexTest : public testing::Test {
 protected:
  RecordIndexTest() {
    for (std::uint64_t i = 0; i < kIds; ++i) records_.emplace_back().id = {1 + i % 3, i};
  }

  // Every record that is there is found, and no other.
  void Check() const {
    EXPECT_EQ(index_.size(), there_.size());
    for (const Record& record : records_) {
      const Record* found = index_.Find(record.id);
      ASSERT_EQ(found, there_.contains(&record) ? &record : nullptr) << ToString(record.id);
    }
    std::set<const Record*> each;
    index_.Each([&](Record& record) { EXPECT_TRUE(each.insert(&record).second); });
    EXPECT_EQ(each, there_);
  }

  void Turn(Record& record) {
    if (there_.erase(&record) > 0) {
      index_.Erase(record);
    } else {
      there_.insert(&record);
      index_.Insert(record);
    }
  }

  std::list<Record> records_;
  RecordIndex index_{0};
  std::set<const Record*> there_;
};

TEST_F(RecordIndexTest, FindsWhatIsThereAndNothingElse) {
  Check();
  std::mt19937_64 dice(1);
  std::vector<Record*> some;
  for (Record& record : records_) some.push_back(&record);
  // Of 64 slots half are full at most: probes run into one another, and round the end.
  for (std::size_t most : {20, 32, 400}) {
    for (int i = 0; i < 1000; ++i) {
      Turn(*some[dice() % most]);
      index_.Prefetch(some[dice() % most]->id);
      if (i % 10 == 0) Check();
    }
  }
}

TEST_F(RecordIndexTest, GrowsWithWhatIsInIt) {
  for (Record& record : records_) Turn(record);
  Check();
  for (Record& record : records_) Turn(record);
  EXPECT_EQ(index_.size(), 0U);
  Check();
}

TEST_F(RecordIndexTest, DiesOfASecondRecordOfOneId) {
  Record first;
  Record second;
  first.id = second.id = {7, 7};
  index_.Insert(first);
  EXPECT_DEATH(index_.Insert(second), "");
  EXPECT_DEATH(index_.Erase(second), "");
}

}  // namespace
}  // namespace spillgate
