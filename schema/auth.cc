#include "schema/auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/base/check.h"

namespace spillgate::wire {

bool FillRandom(std::span<std::byte> bytes) {
  return RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()),
                    static_cast<int>(bytes.size())) == 1;
}

Mac HelloMac(std::string_view token, const Token& nonce, SessionId session, std::string_view name) {
  constexpr std::size_t kFixed = sizeof(Token) + sizeof(SessionId);
  const std::string_view cut = name.substr(0, kMostName);
  std::array<unsigned char, kFixed + kMostName> message{};
  std::memcpy(message.data(), nonce.data(), sizeof(Token));
  std::memcpy(message.data() + sizeof(Token), &session, sizeof(session));
  std::copy(cut.begin(), cut.end(), message.begin() + kFixed);
  Mac mac{};
  unsigned size = 0;
  const unsigned char* made =
      HMAC(EVP_sha256(), token.data(), static_cast<int>(token.size()), message.data(),
           kFixed + cut.size(), reinterpret_cast<unsigned char*>(mac.data()), &size);
  // Without this a library that fails would leave zeros, which anybody can send.
  SG_CHECK(made != nullptr && size == sizeof(Mac));
  return mac;
}

bool EqualInConstantTime(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void Wipe(std::string& text) {
  text.resize(text.capacity());
  explicit_bzero(text.data(), text.size());
  text.clear();
}

Secret::Secret(std::string&& text) : text_(text) {
  Wipe(text);
}

Secret::Secret(Secret&& other) noexcept : Secret(std::move(other.text_)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  Wipe(text_);
  text_ = other.text_;
  Wipe(other.text_);
  return *this;
}

Secret::~Secret() {
  Wipe(text_);
}

}  // namespace spillgate::wire
