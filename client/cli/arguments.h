// A task's arguments as the command line gives them, and as they are once files and stdin have been
// read. One thread; Load blocks on files, never on the network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/lib/future.h"
#include "core/base/ids.h"
#include "core/base/result.h"

namespace spillgate::cli {

struct ArgumentText {
  enum class Kind : std::uint8_t {
    kSource,  // --arg: text, @FILE, or - for stdin
    kText,    // --text: as it stands
    kObject,  // --future: the result of another task
  };
  Kind kind = Kind::kSource;
  std::string text;
};

class LoadedArguments {
 public:
  // `stdin_fd` is read to its end, if an argument asks for it; two may not.
  [[nodiscard]] static Result<LoadedArguments> Load(std::span<const ArgumentText> texts,
                                                    int stdin_fd);
  // Points into this; good for as long as it lives and does not move.
  [[nodiscard]] std::vector<client::Arg> View() const;
  [[nodiscard]] std::string_view BytesOf(std::size_t index) const {
    return arguments_[index].bytes;
  }

 private:
  struct Argument {
    std::string bytes;
    ObjectId object;
    bool is_object = false;
  };
  std::vector<Argument> arguments_;
};

}  // namespace spillgate::cli
