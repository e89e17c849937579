// Console: where a verb's words go. Data on stdout, whole and in order; messages on stderr, one
// sentence each, with the command's name before it. One thread. Whoever reads our data may leave:
// then nothing more is written, and Close says that the command failed.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "client/lib/failure.h"
#include "core/base/buffer.h"
#include "core/base/json.h"

namespace spillgate::cli {

class Console {
 public:
  Console(std::FILE* out, std::FILE* err) : out_(out), err_(err) {}

  void set_json(bool json) { json_ = json; }
  [[nodiscard]] bool json() const { return json_; }
  [[nodiscard]] bool out_is_terminal() const;
  [[nodiscard]] bool good() const { return error_ == 0; }  // somebody reads what is written

  void Write(std::string_view data);
  void Write(ByteView data) { Write(AsText(data)); }
  void Line(std::string_view text);
  void Print(const Json& object);  // on one line
  void Flush();

  void Say(std::string_view message);
  // Says it, and gives the code back: `return console.Fail(kUsage, "…")`.
  int Fail(int code, std::string_view message);
  int Fail(const client::Failure& failure);
  // `what` is the task, file or node concerned.
  int Fail(std::string_view what, const client::Failure& failure);

  // After the last word: `code`, or that of a failure if not all data could be written.
  [[nodiscard]] int Close(int code);

 private:
  std::FILE* out_;
  std::FILE* err_;
  bool json_ = false;
  int error_ = 0;  // errno of the first write that failed
};

}  // namespace spillgate::cli
