#include "client/replay/workflow.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>

#include <utility>

#include "client/replay/arrange.h"
#include "core/base/format.h"
#include "core/base/json.h"

namespace spillgate::replay {
namespace {

constexpr std::string_view kVersion = "1.5";
constexpr double kMostSeconds = 1e8;  // three years: sums of a million fit into Nanos, once scaled
constexpr double kMostBytes = 1e15;
constexpr std::size_t kShown = 80;

using Places = std::map<std::string, std::uint32_t, std::less<>>;

Error Invalid(std::string message) {
  return {Code::kInvalid, std::move(message)};
}

// The member `key` of an object, or null.
const Json* Member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

// The list workflow.PART.KEY.
Result<const Json*> ListAt(const Json& document, const char* part, const char* key) {
  const Json* at = Member(document, "workflow");
  if (at != nullptr) at = Member(*at, part);
  if (at != nullptr) at = Member(*at, key);
  if (at == nullptr) return Invalid(Format("there is no workflow.{}.{}", part, key));
  if (!at->is_array()) return Invalid(Format("workflow.{}.{} is no list", part, key));
  return at;
}

Result<std::string> IdOf(const Json& item, std::string_view list, std::size_t position) {
  const Json* id = Member(item, "id");
  if (id == nullptr || !id->is_string() || id->get_ref<const std::string&>().empty()) {
    return Invalid(Format("{}[{}] has no id, which has to be a text", list, position));
  }
  const std::string& text = id->get_ref<const std::string&>();
  if (text.size() > kMostIdBytes) {
    return Invalid(Format("{}[{}] has an id of {} bytes, the most is {}", list, position,
                          text.size(), kMostIdBytes));
  }
  return text;
}

Result<double> NumberOf(const Json& item, const char* key, double most, const std::string& id) {
  const Json* value = Member(item, key);
  if (value == nullptr) return Invalid(Format("\"{}\" has no {}", id, key));
  const double number = value->is_number() ? value->get<double>() : -1;
  if (!(number >= 0) || number > most) {
    return Invalid(Format("{} of \"{}\" is {}; it has to be a number from 0 to {:g}", key, id,
                          value->dump().substr(0, kShown), most));
  }
  return number;
}

// The texts in the list `key` of a task. Absent: none.
Result<std::vector<std::string>> TextsOf(const Json& task, const char* key, const std::string& id) {
  std::vector<std::string> texts;
  const Json* list = Member(task, key);
  if (list == nullptr) return texts;
  if (!list->is_array()) return Invalid(Format("{} of task \"{}\" is no list", key, id));
  for (const Json& item : *list) {
    if (!item.is_string()) {
      return Invalid(Format("{} of task \"{}\" holds {}, which is no text", key, id,
                            item.dump().substr(0, kShown)));
    }
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

// Reads one document; `problem` is the first thing that is wrong with it.
class Reader {
 public:
  explicit Reader(const Json& document) : document_(document) {}

  Result<Workflow> Read() {
    Workflow workflow;
    const Json* name = Member(document_, "name");
    if (name != nullptr && name->is_string()) workflow.name = name->get<std::string>();
    for (const auto part : {&Reader::ReadVersion, &Reader::ReadFiles, &Reader::ReadTasks,
                            &Reader::ReadParents, &Reader::CheckChildren, &Reader::ReadExecution}) {
      if (Status status = (this->*part)(); !status.ok()) return status.error();
    }
    Result<std::vector<Step>> arranged = Arrange(std::move(steps_));
    if (!arranged.ok()) return arranged.error();
    workflow.steps = std::move(arranged).value();
    return workflow;
  }

 private:
  Status ReadVersion() {
    const Json* version = Member(document_, "schemaVersion");
    if (version == nullptr) {
      return Invalid("there is no schemaVersion, so it is no workflow in WfFormat");
    }
    if (*version == kVersion) return {};
    return Invalid(
        Format("schemaVersion is {}; only WfFormat {} is read", version->dump(), kVersion));
  }

  Status ReadFiles() {
    const Json* specification = Member(document_, "workflow");
    if (specification != nullptr) specification = Member(*specification, "specification");
    if (specification == nullptr || Member(*specification, "files") == nullptr) return {};
    const auto files = ListAt(document_, "specification", "files");
    if (!files.ok()) return files.error();
    for (std::size_t i = 0; i < files.value()->size(); ++i) {
      const Json& file = (*files.value())[i];
      const auto id = IdOf(file, "workflow.specification.files", i);
      if (!id.ok()) return id.error();
      const auto bytes = NumberOf(file, "sizeInBytes", kMostBytes, id.value());
      if (!bytes.ok()) return bytes.error();
      file_bytes_[id.value()] = static_cast<std::uint64_t>(bytes.value());
    }
    return {};
  }

  Status ReadTasks() {
    const auto tasks = ListAt(document_, "specification", "tasks");
    if (!tasks.ok()) return tasks.error();
    tasks_ = tasks.value();
    if (tasks_->empty() || tasks_->size() > kMostSteps) {
      return Invalid(Format("workflow.specification.tasks has {} tasks; it has to have 1 to {}",
                            tasks_->size(), kMostSteps));
    }
    for (std::size_t i = 0; i < tasks_->size(); ++i) {
      auto id = IdOf((*tasks_)[i], "workflow.specification.tasks", i);
      if (!id.ok()) return id.error();
      if (!places_.emplace(id.value(), static_cast<std::uint32_t>(i)).second) {
        return Invalid(Format("two tasks have the id \"{}\"", id.value()));
      }
      auto bytes = OutputOf((*tasks_)[i], id.value());
      if (!bytes.ok()) return bytes.error();
      steps_.push_back({.id = std::move(id).value(), .output_bytes = bytes.value()});
    }
    return {};
  }

  Result<std::uint64_t> OutputOf(const Json& task, const std::string& id) {
    const auto files = TextsOf(task, "outputFiles", id);
    if (!files.ok()) return files.error();
    std::uint64_t bytes = 0;
    for (const std::string& file : files.value()) {
      const auto found = file_bytes_.find(file);
      if (found == file_bytes_.end()) {
        return Invalid(
            Format("task \"{}\" writes \"{}\", which is not in "
                   "workflow.specification.files",
                   id, file));
      }
      bytes += found->second;
    }
    return bytes;
  }

  // The places of the tasks in the list `key` of task i, each named once.
  Result<std::vector<std::uint32_t>> Neighbours(std::size_t i, const char* key) {
    const std::string& id = steps_[i].id;
    const auto names = TextsOf((*tasks_)[i], key, id);
    if (!names.ok()) return names.error();
    std::vector<std::uint32_t> neighbours;
    for (const std::string& name : names.value()) {
      const auto found = places_.find(name);
      if (found == places_.end()) {
        return Invalid(
            Format("{} of task \"{}\" names \"{}\", and there is no such task", key, id, name));
      }
      if (last_seen_[found->second] == i + 1) {
        return Invalid(Format("{} of task \"{}\" names \"{}\" twice", key, id, name));
      }
      last_seen_[found->second] = i + 1;
      neighbours.push_back(found->second);
    }
    return neighbours;
  }

  Status ReadParents() {
    last_seen_.assign(steps_.size(), 0);
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      auto parents = Neighbours(i, "parents");
      if (!parents.ok()) return parents.error();
      steps_[i].parents = std::move(parents).value();
    }
    return {};
  }

  // Where tasks list their children, both sides have to say the same: otherwise one of the two is
  // wrong, and nobody can know which.
  Status CheckChildren() {
    std::vector<std::uint32_t> listed(steps_.size(), 0);
    bool any = false;
    last_seen_.assign(steps_.size(), 0);
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      any = any || Member((*tasks_)[i], "children") != nullptr;
      const auto children = Neighbours(i, "children");
      if (!children.ok()) return children.error();
      for (const std::uint32_t child : children.value()) {
        const std::vector<std::uint32_t>& parents = steps_[child].parents;
        if (std::find(parents.begin(), parents.end(), i) == parents.end()) {
          return Invalid(
              Format("task \"{}\" has the child \"{}\", which does not name it as parent",
                     steps_[i].id, steps_[child].id));
        }
        ++listed[child];
      }
    }
    for (std::size_t i = 0; any && i < steps_.size(); ++i) {
      if (listed[i] == steps_[i].parents.size()) continue;
      return Invalid(Format("task \"{}\" has {} parents, of which {} name it as child",
                            steps_[i].id, steps_[i].parents.size(), listed[i]));
    }
    return {};
  }

  Status ReadExecution() {
    const auto records = ListAt(document_, "execution", "tasks");
    if (!records.ok()) return records.error();
    std::vector<bool> seen(steps_.size(), false);
    for (std::size_t i = 0; i < records.value()->size(); ++i) {
      const Json& record = (*records.value())[i];
      const auto id = IdOf(record, "workflow.execution.tasks", i);
      if (!id.ok()) return id.error();
      const auto found = places_.find(id.value());
      if (found == places_.end() || seen[found->second]) {
        return Invalid(Format("workflow.execution.tasks names \"{}\", {}", id.value(),
                              found == places_.end() ? "and there is no such task" : "twice"));
      }
      const auto seconds = NumberOf(record, "runtimeInSeconds", kMostSeconds, id.value());
      if (!seconds.ok()) return seconds.error();
      seen[found->second] = true;
      steps_[found->second].runtime =
          std::chrono::duration_cast<Nanos>(std::chrono::duration<double>(seconds.value()));
    }
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (!seen[i]) {
        return Invalid(
            Format("task \"{}\" is not in workflow.execution.tasks, so nobody knows how "
                   "long it took",
                   steps_[i].id));
      }
    }
    return {};
  }

  const Json& document_;
  const Json* tasks_ = nullptr;
  std::map<std::string, std::uint64_t, std::less<>> file_bytes_;
  Places places_;
  std::vector<Step> steps_;
  std::vector<std::size_t> last_seen_;  // 1 + the task whose list named it last
};

}  // namespace

std::size_t Workflow::edges() const {
  std::size_t sum = 0;
  for (const Step& step : steps) sum += step.parents.size();
  return sum;
}

Result<Workflow> ParseWorkflow(std::string_view json, std::string_view where) {
  Json document;
  try {
    document = Json::parse(json);
  } catch (const Json::exception& problem) {
    return Invalid(Format("{} is no JSON: {}", where, problem.what()));
  }
  try {
    Result<Workflow> workflow = Reader(document).Read();
    if (!workflow.ok()) return Invalid(Format("{}: {}", where, workflow.error().message));
    return workflow;
  } catch (const Json::exception& problem) {  // dump of a text that is no UTF-8
    return Invalid(Format("{}: {}", where, problem.what()));
  }
}

Result<Workflow> ReadWorkflow(const std::string& path) {
  const auto close = [](std::FILE* file) { return std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rb"), close);
  if (file == nullptr)
    return Error{Code::kNotFound, Format("{} cannot be opened: {}", path, std::strerror(errno))};
  std::string text;
  char block[1 << 16];
  for (std::size_t got = 0; (got = std::fread(block, 1, sizeof(block), file.get())) > 0;) {
    text.append(block, got);
    if (text.size() > kMostFileBytes) {
      return Invalid(
          Format("{} has more than {} bytes, which no workflow needs", path, kMostFileBytes));
    }
  }
  if (std::ferror(file.get()) != 0) {
    return Error{Code::kUnavailable, Format("{} cannot be read: {}", path, std::strerror(errno))};
  }
  return ParseWorkflow(text, path);
}

}  // namespace spillgate::replay
