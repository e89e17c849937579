// Answers: the replies of one pass of a stage, gathered per connection and sent as one batch of
// frames each. Results and verdicts go in as they arise; Flush builds the frames and hands them to
// the reply sink. Keeps its memory.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/ports/reply_sink.h"
#include "core/tables/record.h"
#include "schema/frame.h"
#include "schema/out_buffer.h"
#include "schema/replies.h"

namespace spillgate {

class Answers {
 public:
  explicit Answers(ReplySink& sink) : sink_(sink) {}

  // The result of a settled record, one of its returns. Answers with the bytes gathered for the
  // connection in this pass, without the heads of results.
  std::size_t Result(ConnectionId to, const Record& record, std::uint32_t index,
                     std::uint32_t correlation);
  // No result: why, for an id that has none or will not have one in time.
  void NoResult(ConnectionId to, ObjectId id, Reason reason, std::uint32_t correlation);
  void Verdict(ConnectionId to, const wire::Verdict& verdict);
  void Error(ConnectionId to, std::uint32_t correlation, Reason reason, std::string_view message);
  // For whole frames of other types, in order behind what was added before.
  [[nodiscard]] wire::OutBuffer& Raw(ConnectionId to);

  // The bytes gathered for it so far, likewise.
  [[nodiscard]] std::size_t BytesFor(ConnectionId to) { return For(to).bytes(); }

  void Flush();

 private:
  struct Batch {
    ConnectionId to = 0;
    std::vector<wire::Verdict> verdicts;
    wire::ResultsWriter results;
    wire::OutBuffer frames;
    std::uint32_t refused = 0;  // frames of that connection that were
    [[nodiscard]] std::size_t bytes() const { return frames.size() + results.payload_bytes(); }
    void Close();  // verdicts and results so far become frames
  };

  Batch& For(ConnectionId to);

  ReplySink& sink_;
  std::vector<std::unique_ptr<Batch>> batches_;  // the first `used_` are this pass's
  std::size_t used_ = 0;
};

}  // namespace spillgate
