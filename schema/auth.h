// Authentication over TCP: the client answers the server's nonce with an HMAC, so that the token
// never travels. Also what secrets need: randomness that nobody can guess, and forgetting. Any
// thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/base/buffer.h"
#include "core/base/ids.h"
#include "schema/messages.h"

namespace spillgate::wire {

// Fills `bytes` from the operating system's generator. False if that has nothing to give: then say
// no to whoever the bytes were for.
[[nodiscard]] bool FillRandom(std::span<std::byte> bytes);

// HMAC-SHA256, keyed with the token, of nonce ‖ session (8 bytes, little endian) ‖ name (its first
// kMostName bytes).
[[nodiscard]] Mac HelloMac(std::string_view token, const Token& nonce, SessionId session,
                           std::string_view name);

// Takes the same time wherever the first difference is. False for different lengths.
[[nodiscard]] bool EqualInConstantTime(ByteView a, ByteView b);

// A secret text that is wiped when it goes, and never copied or printed.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string&& text);  // `text` is left wiped and empty
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  [[nodiscard]] bool empty() const { return text_.empty(); }
  [[nodiscard]] std::string_view Reveal() const { return text_; }

 private:
  std::string text_;
};

// Wipes a text that held a secret, in a way that the compiler keeps.
void Wipe(std::string& text);

}  // namespace spillgate::wire
