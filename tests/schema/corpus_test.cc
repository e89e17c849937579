// Replays the corpora of the fuzz targets: what they once found stays found.
#include <gtest/gtest.h>

#include "tests/fuzz/targets.h"
#include "tests/schema/files.h"

namespace spillgate::wire {
namespace {

template <class Target>
int Replay(const char* corpus, Target target) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(TestsFolder() / "fuzz/corpus" / corpus)) {
    SCOPED_TRACE(entry.path());
    const std::string content = ContentOf(entry.path());
    target(AsBytes(content));
    ++files;
  }
  return files;
}

TEST(Corpus, Stream) {
  EXPECT_GT(Replay("stream", FuzzStream), 10);
}
TEST(Corpus, Message) {
  EXPECT_GT(Replay("message", FuzzMessage), 40);
}

}  // namespace
}  // namespace spillgate::wire
