#include "client/cli/objects.h"

#include <charconv>

#include "core/base/format.h"
#include "schema/text.h"

namespace spillgate::cli {
namespace {

constexpr std::uint32_t kMostIndex = 254;  // a task returns at most 255 values
constexpr std::size_t kShown = 64;

Error NoId(std::string_view word) {
  return {Code::kInvalid,
          Format("\"{}\" is no id; ids look like 00c5a1e2b7d94f36-17 and are printed "
                 "by spillgate submit",
                 wire::CutText(word, kShown))};
}

Result<std::vector<std::string>> Words(std::span<const std::string> given, std::size_t most,
                                       std::istream& in) {
  std::vector<std::string> words(given.begin(), given.end());
  if (given.size() == 1 && given.front() == "-") {
    words.clear();
    for (std::string line; words.size() <= most && std::getline(in, line);) {
      if (!line.empty()) words.push_back(line);
    }
    if (words.empty()) return Error{Code::kInvalid, "there are no ids on stdin"};
  }
  if (words.size() <= most) return words;
  return Error{Code::kInvalid,
               Format("more than {} ids; name that many at most, in several commands", most)};
}

}  // namespace

std::optional<ObjectId> ParseObject(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::optional<TaskId> task = ParseTaskId(text.substr(0, colon));
  if (!task.has_value()) return std::nullopt;
  if (colon == std::string_view::npos) return ObjectId{*task, 0};
  const std::string_view digits = text.substr(colon + 1);
  std::uint32_t index = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, index);
  if (parsed.ec != std::errc() || parsed.ptr != end || index > kMostIndex) return std::nullopt;
  return ObjectId{*task, index};
}

std::string ToText(const ObjectId& object) {
  const std::string task = ToString(object.task);
  return object.index == 0 ? task : Format("{}:{}", task, object.index);
}

Result<std::vector<ObjectId>> ReadObjects(std::span<const std::string> words, std::size_t most,
                                          std::istream& in) {
  const Result<std::vector<std::string>> all = Words(words, most, in);
  if (!all.ok()) return all.error();
  std::vector<ObjectId> objects;
  for (const std::string& word : all.value()) {
    const std::optional<ObjectId> object = ParseObject(word);
    if (!object.has_value()) return NoId(word);
    objects.push_back(*object);
  }
  return objects;
}

Result<std::vector<TaskId>> ReadTasks(std::span<const std::string> words, std::size_t most,
                                      std::istream& in) {
  const Result<std::vector<ObjectId>> objects = ReadObjects(words, most, in);
  if (!objects.ok()) return objects.error();
  std::vector<TaskId> tasks;
  for (const ObjectId& object : objects.value()) tasks.push_back(object.task);
  return tasks;
}

}  // namespace spillgate::cli
