// What a task costs on the wire: encoding, and verifying with decoding, of submits, verdicts and
// results, by how many go in a frame; and the requests around them. "ns_each" is per task.
#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "schema/messages.h"
#include "schema/replies.h"
#include "schema/submit.h"

namespace spillgate::wire {
namespace {

constexpr SubmitPreamble kPreamble{.function = 5, .first_seq = 1};
const std::array<std::byte, 16> kArgument{};

void CountTasks(benchmark::State& state) {
  state.counters["each"] =
      benchmark::Counter(static_cast<double>(state.iterations() * state.range(0)),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void WriteSubmit(SubmitWriter& writer, std::int64_t tasks, std::int64_t args, OutBuffer& out) {
  writer.Begin(kPreamble);
  for (std::int64_t i = 0; i < tasks; ++i) {
    writer.BeginTask();
    for (std::int64_t arg = 0; arg < args; ++arg) writer.AddInline(kArgument);
  }
  writer.Finish(1, 2, out);
}

// Touches what submission touches: every head, and every argument's bytes.
std::uint64_t ReadSubmit(const FrameView& frame) {
  const auto preamble = ReadPreamble(frame);
  SubmitView view;
  if (!preamble || DecodeSubmit(frame, {}, view).reason != Reason::kNone) return 0;
  std::uint64_t sum = preamble->first_seq;
  for (const TaskHead& head : view.heads) {
    for (const ArgRef& arg : view.args.subspan(head.first_arg, head.arg_count)) {
      sum += arg.size + std::to_integer<std::uint64_t>(frame.payload[arg.offset]);
    }
  }
  return sum;
}

void SubmitEncode(benchmark::State& state) {
  SubmitWriter writer;
  OutBuffer out;
  for (auto _ : state) {
    out.Clear();
    WriteSubmit(writer, state.range(0), state.range(1), out);
    benchmark::DoNotOptimize(out.view().data());
  }
  CountTasks(state);
}

void SubmitDecode(benchmark::State& state) {
  SubmitWriter writer;
  OutBuffer out;
  WriteSubmit(writer, state.range(0), state.range(1), out);
  for (auto _ : state) {
    FrameHeader header;
    if (ParseHeader(out.view(), 1 << 20, header) != HeaderError::kNone)
      state.SkipWithError("header");
    benchmark::DoNotOptimize(ReadSubmit(View(out.view())));
  }
  CountTasks(state);
}

void SubmitBoth(benchmark::State& state) {
  SubmitWriter writer;
  OutBuffer out;
  for (auto _ : state) {
    out.Clear();
    WriteSubmit(writer, state.range(0), state.range(1), out);
    FrameHeader header;
    if (ParseHeader(out.view(), 1 << 20, header) != HeaderError::kNone)
      state.SkipWithError("header");
    benchmark::DoNotOptimize(ReadSubmit(View(out.view())));
  }
  CountTasks(state);
}

void PreambleAlone(benchmark::State& state) {
  SubmitWriter writer;
  OutBuffer out;
  WriteSubmit(writer, state.range(0), 0, out);
  const FrameView frame = View(out.view());
  for (auto _ : state) benchmark::DoNotOptimize(ReadPreamble(frame));
}

void WriteSomeResults(ResultsWriter& writer, std::int64_t results, OutBuffer& out) {
  for (std::int64_t i = 0; i < results; ++i) {
    const auto seq = static_cast<std::uint64_t>(i);
    writer.Add({.task = {1, seq}, .correlation = 3, .fate = Fate::kDone}, kArgument, out);
  }
  writer.Finish(out);
}

void ResultsEncode(benchmark::State& state) {
  ResultsWriter writer;
  OutBuffer out;
  for (auto _ : state) {
    out.Clear();
    WriteSomeResults(writer, state.range(0), out);
    benchmark::DoNotOptimize(out.view().data());
  }
  CountTasks(state);
}

void ResultsDecode(benchmark::State& state) {
  ResultsWriter writer;
  OutBuffer out;
  WriteSomeResults(writer, state.range(0), out);
  const FrameView frame = View(out.view());
  for (auto _ : state) {
    const auto heads = ReadResults(frame);
    std::uint64_t sum = 0;
    for (const ResultHead& head : *heads) sum += head.task.seq + BytesOf(frame, head).size();
    benchmark::DoNotOptimize(sum);
  }
  CountTasks(state);
}

void VerdictsBoth(benchmark::State& state) {
  const std::vector<Verdict> verdicts(static_cast<std::size_t>(state.range(0)));
  OutBuffer out;
  for (auto _ : state) {
    out.Clear();
    WriteVerdicts(verdicts, 0, out);
    benchmark::DoNotOptimize(ReadVerdicts(View(out.view())));
  }
  CountTasks(state);
}

void GetBoth(benchmark::State& state) {
  const std::vector<ObjectName> ids(static_cast<std::size_t>(state.range(0)));
  OutBuffer out;
  for (auto _ : state) {
    out.Clear();
    Encode(Get{ids, 5}, 1, out);
    benchmark::DoNotOptimize(DecodeGet(View(out.view())));
  }
  CountTasks(state);
}

BENCHMARK(SubmitEncode)->ArgsProduct({{1, 8, 64, 512}, {0, 1}});
BENCHMARK(SubmitDecode)->ArgsProduct({{1, 8, 64, 512}, {0, 1}});
BENCHMARK(SubmitBoth)->ArgsProduct({{1, 8, 64, 512}, {0, 1}});
BENCHMARK(PreambleAlone)->Arg(64);
BENCHMARK(ResultsEncode)->Arg(1)->Arg(8)->Arg(64)->Arg(512);
BENCHMARK(ResultsDecode)->Arg(1)->Arg(8)->Arg(64)->Arg(512);
BENCHMARK(VerdictsBoth)->Arg(1)->Arg(64);
BENCHMARK(GetBoth)->Arg(1)->Arg(64);

}  // namespace
}  // namespace spillgate::wire
