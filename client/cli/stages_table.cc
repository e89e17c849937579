#include "client/cli/stages_table.h"

#include <algorithm>
#include <functional>

#include "client/cli/figures.h"
#include "client/cli/figures_json.h"
#include "client/cli/table.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

constexpr std::string_view kNone = "-";

std::string Show(const Json& stage, Path path, std::string (*format)(double)) {
  const auto number = NumberAt(stage, path);
  return number.has_value() ? format(*number) : std::string(kNone);
}

// "12/4096": what it holds in all, of what it may.
std::string Depth(const Json& stage) {
  return Format("{}/{}", Show(stage, {"occupied"}, FormatAmount),
                Show(stage, {"capacity"}, FormatAmount));
}

std::string Waits(const Json& stage) {
  if (NumberAt(stage, {"wait_us", "n"}).value_or(0) == 0) return std::string(kNone);
  return Format("{}/{}", Show(stage, {"wait_us", "p50"}, FormatMicros),
                Show(stage, {"wait_us", "p99"}, FormatMicros));
}

// "23/64": events that it takes at a time, of those that the config allows; "64/64 (500)" where
// there would be time for more.
std::string Batch(const Json& stage) {
  const double most = NumberAt(stage, {"batch_most"}).value_or(0);
  if (most == 0) return std::string(kNone);
  const double fits = NumberAt(stage, {"batch_fits"}).value_or(0);
  const double now = fits > 0 ? std::min(fits, most) : most;
  const std::string text = Format("{}/{}", FormatAmount(now), FormatAmount(most));
  return fits > most ? Format("{} ({})", text, FormatAmount(fits)) : text;
}

// The controller, and what it lets pass.
std::string Admission(const Json& stage) {
  const std::string controller = TextAt(stage, {"controller"});
  const double limit = NumberAt(stage, {"admits_up_to"}).value_or(0);
  std::string text = controller.empty() ? std::string(kNone) : controller;
  if (limit > 0) text += " <= " + FormatAmount(limit);
  if (TextAt(stage, {"state"}) == "shedding") {
    text += ", retry after " + Show(stage, {"retry_after_us"}, FormatMicros);
  }
  return text;
}

std::string Oldest(const Json& stage) {
  const double age = NumberAt(stage, {"oldest_us"}).value_or(0);
  return age > 0 ? FormatMicros(age) : std::string(kNone);
}

std::vector<std::string> Row(const Json& stage) {
  const Json* shards = Find(stage, {"shards"});
  const bool counted = shards != nullptr && shards->is_array();
  return {TextAt(stage, {"stage"}),
          TextAt(stage, {"state"}),
          Depth(stage),
          Oldest(stage),
          counted ? FormatAmount(static_cast<double>(shards->size())) : std::string(kNone),
          Show(stage, {"utilisation"}, FormatShare),
          Show(stage, {"in_per_s"}, FormatAmount),
          Show(stage, {"out_per_s"}, FormatAmount),
          Show(stage, {"shed_per_s"}, FormatAmount),
          Waits(stage),
          Batch(stage),
          Admission(stage)};
}

void ForEach(const Json& figures, const std::function<void(const Json&)>& visit) {
  const Json* stages = Find(figures, {"stages"});
  if (stages == nullptr || !stages->is_array()) return;
  for (const Json& stage : *stages) {
    if (stage.is_object()) visit(stage);
  }
}

}  // namespace

std::string StagesTable(const Json& figures) {
  using Align = Table::Align;
  Table table({{"STAGE"},
               {"STATE"},
               {"HELD/CAP", Align::kRight},
               {"OLDEST", Align::kRight},
               {"SHARDS", Align::kRight},
               {"UTIL", Align::kRight},
               {"IN/s", Align::kRight},
               {"OUT/s", Align::kRight},
               {"SHED/s", Align::kRight},
               {"WAIT p50/p99", Align::kRight},
               {"BATCH", Align::kRight},
               {"ADMISSION"}});
  ForEach(figures, [&](const Json& stage) { table.Add(Row(stage)); });
  return table.empty() ? "" : table.Render();
}

std::string StagesHint(const Json& figures) {
  std::string hint;
  // The furthest downstream that is in trouble: those before it are full because of it.
  ForEach(figures, [&](const Json& stage) {
    const std::string state = TextAt(stage, {"state"});
    const std::string name = TextAt(stage, {"stage"});
    if (state == "stalled") {
      hint = Format("'{}' holds {} tasks and none has moved for {}", name,
                    Show(stage, {"occupied"}, FormatAmount), Oldest(stage));
    } else if (state == "saturated") {
      hint =
          Format("'{}' is the bottleneck: {} of {} used, {} busy", name,
                 Show(stage, {"occupied"}, FormatAmount), Show(stage, {"capacity"}, FormatAmount),
                 Show(stage, {"utilisation"}, FormatShare));
    } else if (state == "shedding" && hint.empty()) {
      hint =
          Format("'{}' sheds {} tasks a second", name, Show(stage, {"shed_per_s"}, FormatAmount));
    }
  });
  const double useful = NumberAt(figures, {"slots", "extra_useful"}).value_or(0);
  const double most = NumberAt(figures, {"slots", "extra_most"}).value_or(0);
  if (useful > most) {
    if (!hint.empty()) hint += "; ";
    hint += Format(
        "the CPUs are idle while work waits: {} slots more would be of use, {} may be given out "
        "(pool.exec.threads)",
        FormatAmount(useful), FormatAmount(most));
  }
  return hint;
}

}  // namespace spillgate::cli
