#include "core/flow/pipeline.h"

#include <algorithm>

namespace spillgate::flow {

Pool& Pipeline::AddPool(std::string name, PoolOptions options) {
  pools_.push_back(std::make_unique<Pool>(std::move(name), clock_, options));
  return *pools_.back();
}

Pool* Pipeline::FindPool(std::string_view name) {
  const auto found =
      std::find_if(pools_.begin(), pools_.end(), [&](const auto& p) { return p->name() == name; });
  return found == pools_.end() ? nullptr : found->get();
}

void Pipeline::StartThreads() {
  for (const auto& pool : pools_) pool->Start();
}

void Pipeline::StopThreads() {
  for (const auto& pool : pools_) pool->Stop();
}

void Pipeline::Flush(Instant now) {
  // From here on one thread runs every stage.
  for (const auto& pool : pools_) pool->BindToThread();
  const auto run_all = [&] {
    for (bool again = true; again;) {
      again = false;
      for (const auto& runnable : runnables_) {
        while (runnable->HasWork()) {
          runnable->RunBatch(now, 0);
          again = true;
        }
      }
    }
  };
  run_all();
  for (const auto& runnable : runnables_) {
    runnable->Flush(now);
    run_all();
  }
}

bool Pipeline::Step(std::mt19937_64& random, Instant now) {
  std::vector<Runnable*> ready;
  for (const auto& runnable : runnables_) {
    if (runnable->pool()->TakeReady(runnable->bit()) || runnable->HasWork()) {
      ready.push_back(runnable.get());
    }
  }
  if (ready.empty()) return false;
  for (Runnable* runnable : ready) runnable->MarkReady();
  Runnable* chosen = ready[random() % ready.size()];
  [[maybe_unused]] const bool was_ready = chosen->pool()->TakeReady(chosen->bit());
  chosen->RunBatch(now, 1 + random() % 16);
  return true;
}

void Pipeline::StepOnly() {
  for (const auto& pool : pools_) pool->BindToThread();
}

void Pipeline::TickAll(Instant now) {
  for (const auto& runnable : runnables_) runnable->Tick(now);
}

}  // namespace spillgate::flow
