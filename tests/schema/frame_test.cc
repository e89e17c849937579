#include "schema/frame.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "tests/schema/frames.h"

namespace spillgate::wire {
namespace {

constexpr std::size_t kMostTail = 1000;

struct Header {
  std::array<std::byte, kHeaderSize> bytes{};

  explicit Header(const FrameHeader& header) { WriteHeader(header, bytes.data()); }
  template <class T>
  Header& Set(std::size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof(value));
    return *this;
  }
  [[nodiscard]] HeaderError Parse(std::size_t max_body = kMaxBody) const {
    FrameHeader header;
    return ParseHeader(bytes, kMostTail, header, max_body);
  }
};

TEST(Frame, HeaderComesBackAsItWas) {
  const Header header({.type = FrameType::kPut,
                       .body_size = 4096,
                       .payload_size = 13,
                       .correlation = 0xdeadbeef,
                       .sent_us = 0x0123456789abcdef});
  FrameHeader parsed;
  ASSERT_EQ(ParseHeader(header.bytes, kMostTail, parsed), HeaderError::kNone);
  EXPECT_EQ(parsed.version, kProtocolVersion);
  EXPECT_EQ(parsed.type, FrameType::kPut);
  EXPECT_EQ(parsed.body_size, 4096U);
  EXPECT_EQ(parsed.payload_size, 13U);
  EXPECT_EQ(parsed.correlation, 0xdeadbeefU);
  EXPECT_EQ(parsed.sent_us, 0x0123456789abcdefU);
  EXPECT_EQ(WireSize(parsed), 24U + 4096U + 16U);
}

TEST(Frame, EachErrorOfAHeaderHasItsName) {
  const Header good({.type = FrameType::kSubmit});
  EXPECT_EQ(good.Parse(), HeaderError::kNone);
  EXPECT_EQ(Header(good).Set(0, std::uint8_t{0x54}).Parse(), HeaderError::kBadMagic);
  EXPECT_EQ(Header(good).Set(1, std::uint8_t{0x66}).Parse(), HeaderError::kBadMagic);
  EXPECT_EQ(Header(good).Set(2, std::uint8_t{0}).Parse(), HeaderError::kVersion);
  EXPECT_EQ(Header(good).Set(2, std::uint8_t{2}).Parse(), HeaderError::kVersion);
  EXPECT_EQ(Header(good).Set(4, std::uint16_t{1}).Parse(), HeaderError::kFlags);
  EXPECT_EQ(Header(good).Set(4, std::uint16_t{0x8000}).Parse(), HeaderError::kFlags);
  for (const std::string_view request :
       {"GET / HTTP/1.1\r\n\r\n      ", "POST /api/v1/tasks HTTP/", "OPTIONS * HTTP/1.1\r\n\r\n  ",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    FrameHeader header;
    EXPECT_EQ(ParseHeader(AsBytes(request), kMostTail, header), HeaderError::kHttp) << request;
  }
}

TEST(Frame, ExactlyTheTypesWithANameAreKnown) {
  std::set<std::string_view> names;
  for (int type = 0; type < 256; ++type) {
    const Header header(Header({}).Set(3, static_cast<std::uint8_t>(type)));
    const std::string_view name = ToString(static_cast<FrameType>(type));
    const bool known = (type >= 1 && type <= 29) || (type >= 64 && type <= 71);
    EXPECT_EQ(header.Parse(), known ? HeaderError::kNone : HeaderError::kType) << type;
    EXPECT_EQ(name != "unknown", known) << type;
    EXPECT_TRUE(!known || names.insert(name).second) << name << " twice";
  }
}

TEST(Frame, LimitsOfBodyAndPayload) {
  for (const int more : {-1, 0, 1}) {
    Header body({.type = FrameType::kGet});
    body.Set(6, static_cast<std::uint16_t>(kMaxBody / 8 + more));
    EXPECT_EQ(body.Parse(), more > 0 ? HeaderError::kBodySize : HeaderError::kNone) << more;
    body.Set(6, static_cast<std::uint16_t>(512 / 8 + more));
    EXPECT_EQ(body.Parse(512), more > 0 ? HeaderError::kBodySize : HeaderError::kNone) << more;
    Header payload({.type = FrameType::kSubmit});
    payload.Set(8, static_cast<std::uint32_t>(kMostTail + more));
    EXPECT_EQ(payload.Parse(), more > 0 ? HeaderError::kPayloadSize : HeaderError::kNone) << more;
  }
  EXPECT_EQ(Header({.type = FrameType::kPut}).Set(8, ~0U).Parse(), HeaderError::kPayloadSize);
  EXPECT_EQ(Header({.type = FrameType::kGet}).Set(6, std::uint16_t{0xffff}).Parse(),
            HeaderError::kBodySize);
}

TEST(Frame, OnlySomeTypesHaveAPayload) {
  const std::set<FrameType> carriers{FrameType::kSubmit,     FrameType::kPut, FrameType::kResults,
                                     FrameType::kStatsReply, FrameType::kRun, FrameType::kDone};
  for (int number = 0; number < 256; ++number) {
    const auto type = static_cast<FrameType>(number);
    if (ToString(type) == "unknown") continue;
    const Header header({.type = type, .payload_size = 1});
    EXPECT_EQ(header.Parse(),
              carriers.contains(type) ? HeaderError::kNone : HeaderError::kNoPayload)
        << ToString(type);
  }
}

TEST(Frame, EveryHeaderErrorHasASentenceAndAReason) {
  for (int number = 1; number <= static_cast<int>(HeaderError::kNoPayload); ++number) {
    const auto error = static_cast<HeaderError>(number);
    EXPECT_NE(ToString(error), ToString(HeaderError::kNone)) << number;
    EXPECT_NE(ReasonOf(error), Reason::kNone) << number;
  }
  EXPECT_EQ(ReasonOf(HeaderError::kPayloadSize), Reason::kTooLarge);
  EXPECT_EQ(ReasonOf(HeaderError::kBodySize), Reason::kTooLarge);
  EXPECT_EQ(ReasonOf(HeaderError::kVersion), Reason::kUnsupported);
}

TEST(Frame, ViewCutsAFrameIntoItsParts) {
  const MadeFrame frame(FrameType::kPut, AsBytes("12345678abcdefgh"), AsBytes("value"));
  EXPECT_EQ(frame.bytes().size(), 24U + 16U + 8U);
  EXPECT_EQ(AsText(frame.view().body), "12345678abcdefgh");
  EXPECT_EQ(AsText(frame.view().payload), "value");
}

}  // namespace
}  // namespace spillgate::wire
