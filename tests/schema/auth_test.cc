#include "schema/auth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>

namespace spillgate::wire {
namespace {

std::array<std::byte, 32> Bytes(std::string_view hex) {
  std::array<std::byte, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(std::stoi(std::string(hex.substr(2 * i, 2)), nullptr, 16));
  }
  return bytes;
}

// Made with Python's hmac: hmac.new(b"sesame", bytes(range(16, 32)) + struct.pack("<Q", session) +
// b"team-a", "sha256").
TEST(Auth, MacIsHmacSha256OfNonceSessionAndName) {
  Token nonce;
  for (std::size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<std::byte>(16 + i);
  EXPECT_EQ(HelloMac("sesame", nonce, 0x1122334455667788, "team-a"),
            Bytes("1342ac5714b9ded0c459a02a59d458d7a9f74284caedae81ec5a26f9587a9556"));
}

TEST(Auth, EveryPartOfTheMessageCounts) {
  const Token nonce{};
  Token other{};
  other[15] = std::byte{1};
  const std::string longest(kMostName, 'n');
  const std::set<Mac> macs{HelloMac("token", nonce, 1, "name"), HelloMac("tokem", nonce, 1, "name"),
                           HelloMac("token", other, 1, "name"), HelloMac("token", nonce, 2, "name"),
                           HelloMac("token", nonce, 1, "nam"),  HelloMac("", nonce, 1, "name"),
                           HelloMac("token", nonce, 1, longest)};
  EXPECT_EQ(macs.size(), 7U);
}

TEST(Auth, EqualityTakesAllBytesAndTheLength) {
  std::array<std::byte, 32> a{};
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::array<std::byte, 32> b = a;
    EXPECT_TRUE(EqualInConstantTime(a, b));
    b[i] = std::byte{0x80};
    EXPECT_FALSE(EqualInConstantTime(a, b)) << i;
  }
  EXPECT_FALSE(EqualInConstantTime(a, ByteView(a).first(31)));
  EXPECT_TRUE(EqualInConstantTime({}, {}));
}

TEST(Auth, RandomBytesDiffer) {
  std::set<Token> seen;
  for (int i = 0; i < 100; ++i) {
    Token token{};
    ASSERT_TRUE(FillRandom(token));
    EXPECT_TRUE(seen.insert(token).second);
  }
}

TEST(Auth, SecretsLeaveNothingBehindWhenTheyMove) {
  std::string text = "a token that is too long for the string itself";
  const char* const at = text.data();
  const std::size_t size = text.size();
  Secret secret(std::move(text));
  EXPECT_TRUE(text.empty());  // NOLINT: what moving leaves is promised
  EXPECT_TRUE(std::all_of(at, at + size, [](char c) { return c == 0; }));
  const char* const held = secret.Reveal().data();
  Secret other;
  other = std::move(secret);
  EXPECT_TRUE(secret.empty());  // NOLINT: as above
  EXPECT_TRUE(std::all_of(held, held + size, [](char c) { return c == 0; }));
  EXPECT_EQ(other.Reveal(), "a token that is too long for the string itself");
}

}  // namespace
}  // namespace spillgate::wire
