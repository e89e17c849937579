#include "client/bench/library_batch.h"

#include <algorithm>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "client/bench/cpu_meter.h"
#include "client/bench/library.h"
#include "client/bench/nonce.h"
#include "client/bench/pinning.h"
#include "core/base/format.h"

namespace spillgate::bench {
namespace {

constexpr std::uint64_t kEchoEvery = 64;  // batches

struct Totals {
  std::uint64_t sent = 0;
  std::uint64_t done = 0;
  std::uint64_t errors = 0;
  std::uint64_t echoed = 0;
  std::string problem;
  Latencies times;  // from the submission of a batch to its last result
  Instant began = kNever;
  Instant ended;

  void Add(const Totals& other) {
    sent += other.sent;
    done += other.done;
    errors += other.errors;
    echoed += other.echoed;
    if (problem.empty()) problem = other.problem;
    times.Add(other.times);
    began = std::min(began, other.began);
    ended = std::max(ended, other.ended);
  }
};

// One client's batches, a window of them under way.
class Batches {
 public:
  Batches(client::Client& client, client::Function function, client::Function echo,
          const Benchmark& benchmark, const Options& options, std::uint64_t seed)
      : client_(client),
        function_(std::move(function)),
        echo_(std::move(echo)),
        batch_(BatchOf(benchmark, options)),
        window_(WindowOf(benchmark, options)),
        submit_{.level = LevelOf(benchmark, options)},
        options_(options),
        nonces_(seed, options.payload) {}

  void Run(Nanos time) {
    totals = {};
    totals.began = totals.ended = clock_.Now();
    const Instant until = After(totals.began, time);
    while (true) {
      const bool more = clock_.Now() < until && !options_.stopped() && totals.errors == 0;
      if (more && under_way_.size() < window_) {
        Submit();
      } else if (!under_way_.empty()) {
        TakeOldest();
      } else if (!more) {
        break;
      }
    }
  }

  Totals totals;

 private:
  struct Batch {
    std::vector<client::Future> futures;
    std::uint64_t index = 0;
    Instant sent;
  };

  [[nodiscard]] bool IsEcho(std::uint64_t index) const {
    return function_.id == echo_.id || index % kEchoEvery == 0;
  }

  void Submit() {
    Batch batch{
        .futures = std::vector<client::Future>(batch_), .index = next_, .sent = clock_.Now()};
    const bool echo = IsEcho(next_++);
    std::vector<client::Args> tasks;
    if (echo || options_.payload > 0) {
      MakeArguments(batch.index);
      for (const client::Arg& argument : arguments_) tasks.emplace_back(&argument, 1);
    }
    client_.SubmitBatch(echo ? echo_ : function_, tasks, batch.futures, submit_);
    totals.sent += batch_;
    under_way_.push_back(std::move(batch));
  }

  void MakeArguments(std::uint64_t index) {
    values_.resize(batch_);
    arguments_.clear();
    for (std::uint32_t i = 0; i < batch_; ++i) {
      const ByteView nonce = nonces_.Of(index * batch_ + i);
      values_[i].assign(nonce.begin(), nonce.end());
      arguments_.emplace_back(ByteView(values_[i]));
    }
  }

  void TakeOldest() {
    const Batch batch = std::move(under_way_.front());
    under_way_.pop_front();
    const auto values = client_.Get(batch.futures, options_.answer_within);
    totals.ended = clock_.Now();
    totals.times.Add(totals.ended - batch.sent, batch_);
    for (std::uint32_t i = 0; i < batch_; ++i) Check(batch, i, values[i]);
  }

  void Check(const Batch& batch, std::uint32_t i, const client::Result<Value>& value) {
    if (!value.ok()) return Wrong(value.error().message);
    ++totals.done;
    if (!IsEcho(batch.index)) return;
    if (!nonces_.Matches(batch.index * batch_ + i, value.value().view())) {
      return Wrong("a result is not the nonce that was sent");
    }
    ++totals.echoed;
  }

  void Wrong(const std::string& what) {
    ++totals.errors;
    if (totals.problem.empty()) totals.problem = what;
  }

  client::Client& client_;
  const client::Function function_;
  const client::Function echo_;
  const std::uint32_t batch_;
  const std::uint32_t window_;
  const client::SubmitOptions submit_;
  const Options& options_;
  const SteadyClock clock_;
  Nonces nonces_;
  std::vector<std::vector<std::byte>> values_;
  std::vector<client::Arg> arguments_;
  std::deque<Batch> under_way_;
  std::uint64_t next_ = 0;
};

Totals RunAll(std::deque<Batches>& all, Nanos time) {
  std::vector<std::thread> threads;
  threads.reserve(all.size());
  for (Batches& each : all) threads.emplace_back([&each, time] { each.Run(time); });
  for (std::thread& thread : threads) thread.join();
  Totals totals;
  for (const Batches& each : all) totals.Add(each.totals);
  return totals;
}

Row ToRow(const Benchmark& benchmark, const Options& options, const Totals& totals) {
  Row row{.bench = std::string(benchmark.name)};
  const double seconds = std::chrono::duration<double>(totals.ended - totals.began).count();
  if (seconds > 0) row.per_s = static_cast<double>(totals.done) / seconds;
  if (totals.times.count() > 0) row.SetTimes(totals.times);
  row.n = totals.sent;
  row.errors = totals.errors;
  row.problem = totals.problem;
  row.verified = totals.errors == 0 && totals.done == totals.sent && totals.echoed > 0;
  if (totals.echoed == 0) row.SetProblem("no nonce came back: measure for longer");
  row.batch = BatchOf(benchmark, options);
  row.window = WindowOf(benchmark, options);
  return row;
}

}  // namespace

Result<Row> MeasureLibraryBatches(const Benchmark& benchmark, const Options& options,
                                  const Target& target) {
  const Placement placement = options.placement.value_or(Placement::kFree);
  const Result<Pinning> pinning = Pinning::Make(placement, target.process);
  if (!pinning.ok()) return pinning.error();
  std::vector<client::Client> clients;
  std::deque<Batches> all;           // which do not move
  clients.reserve(options.clients);  // what is in `all` refers to them
  for (std::uint32_t i = 0; i < options.clients; ++i) {
    Result<client::Client> client = ConnectLibrary(target, options);
    if (!client.ok()) return client.error();
    clients.push_back(std::move(client).value());
    const auto function = clients.back().Find(FunctionOf(options));
    if (!function.ok()) return AsError(function.error());
    const auto echo = clients.back().Find("echo");
    if (!echo.ok()) return AsError(echo.error());
    all.emplace_back(clients.back(), function.value(), echo.value(), benchmark, options,
                     options.seed + i);
  }
  const AskStages ask = AskThrough(clients.front());
  const Result<StageCounts> before = ReadStageCounts(ask);
  if (!before.ok()) return before.error();
  const Totals warm = RunAll(all, options.time / 4);
  const CpuMeter meter({target.process});
  const Totals totals = RunAll(all, options.time);
  const CpuShares shares = meter.Read();
  if (options.stopped()) return Error{Code::kCancelled, "interrupted"};
  Row row = ToRow(benchmark, options, totals);
  row.placement = std::string(ToString(placement));
  row.steal_pct = shares.steal;
  row.foreign_cpu_pct = shares.foreign;
  row.errors += warm.errors;
  if (warm.errors > 0) row.SetProblem(warm.problem);
  VerifyCounts(ask, before.value(), warm.sent + totals.sent, row);
  return row;
}

}  // namespace spillgate::bench
