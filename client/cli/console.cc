#include "client/cli/console.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "client/cli/exits.h"
#include "core/base/format.h"
#include "schema/text.h"

namespace spillgate::cli {

bool Console::out_is_terminal() const {
  return isatty(fileno(out_)) != 0;
}

void Console::Write(std::string_view data) {
  if (error_ != 0 || data.empty()) return;
  if (std::fwrite(data.data(), 1, data.size(), out_) != data.size()) error_ = errno;
}

void Console::Line(std::string_view text) {
  Write(text);
  Write("\n");
}

void Console::Print(const Json& object) {
  Line(object.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void Console::Flush() {
  if (std::fflush(out_) != 0 && error_ == 0) error_ = errno;
}

void Console::Say(std::string_view message) {
  // What the node says may hold what strangers sent it: nothing in it may move the cursor.
  std::fputs(Format("spillgate: {}\n", wire::Readable(message)).c_str(), err_);
}

int Console::Fail(int code, std::string_view message) {
  Say(message);
  return code;
}

int Console::Fail(const client::Failure& failure) {
  return Fail("", failure);
}

int Console::Fail(std::string_view what, const client::Failure& failure) {
  const std::string_view shed = failure.kind == client::FailureKind::kShed ? "shed: " : "";
  // Some messages name it themselves.
  const bool named = what.empty() || failure.message.find(what) != std::string::npos;
  Say(Format("{}{}{}{}", shed, named ? "" : what, named ? "" : ": ", failure.message));
  return ExitOf(failure);
}

int Console::Close(int code) {
  Flush();
  if (error_ == 0) return code;
  Say(Format("cannot write the output: {}", std::strerror(error_)));
  return code == kOk ? kFailed : code;
}

}  // namespace spillgate::cli
