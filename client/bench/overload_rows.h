// What one run of roots says about a node, as a row: on its own, and then relative to a capacity
// that is known only when all runs are over. Called by MeasureOverload.
#pragma once

#include <span>

#include "client/bench/cpu_meter.h"
#include "client/bench/options.h"
#include "client/bench/root_runs.h"
#include "client/bench/row.h"

namespace spillgate::bench {

class OverloadRows {
 public:
  // What is given has to outlive it.
  OverloadRows(const RootRuns& runs, const RootRuns::Basis& basis, const Options& options)
      : runs_(runs), basis_(basis), options_(options) {}

  // `all`: of all connections together. Goodput and what was offered are still in mean roots a
  // second.
  [[nodiscard]] Row Of(double x, const RootReport& all, const CpuShares& shares) const;
  // The tenants, by what they got of what they are entitled to.
  void Compare(std::span<const double> demands, std::span<const RootReport> reports,
               OverloadFigures& figures) const;
  // Of a mix of so many functions: the part of its roots that were good, of the worst of them, to
  // that of all.
  [[nodiscard]] static double LeastSuccess(const RootReport& report, std::size_t modes);
  // The classes, if there are several: a report for each of them.
  static void SetClasses(std::span<const ClassPart> parts, std::span<const RootReport> reports,
                         OverloadFigures& figures);
  // Relative to the larger of the two capacities. `asked`: times that, of all together. Void if the
  // two differ, or the sender was late.
  void Conclude(Row& row, double asked, double after) const;

 private:
  void SetFates(const RootReport& report, OverloadFigures& figures) const;
  void SetFunctions(const RootReport& report, OverloadFigures& figures) const;
  [[nodiscard]] static Nanos Spent(const RootReport& report);
  // Void if the CPU time of the slots says otherwise.
  void JudgeCpu(const RootReport& report, Row& row) const;

  const RootRuns& runs_;
  const RootRuns::Basis& basis_;
  const Options& options_;
};

}  // namespace spillgate::bench
