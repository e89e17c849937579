#include "config/address.h"

#include <gtest/gtest.h>

namespace spillgate::config {
namespace {

TEST(Address, ParsesHostAndPort) {
  EXPECT_EQ(ParseAddress("127.0.0.1:7440"), (Address{"127.0.0.1", 7440}));
  EXPECT_EQ(ParseAddress("0.0.0.0:0"), (Address{"0.0.0.0", 0}));
  EXPECT_EQ(ParseAddress("[::1]:65535"), (Address{"::1", 65535}));
  EXPECT_EQ(ParseAddress("node-1.example:80"), (Address{"node-1.example", 80}));
}

TEST(Address, RefusesWhatCannotBeListenedOn) {
  for (const char* text :
       {"", ":", "7440", "localhost", "localhost:", ":7440", "localhost:65536", "localhost:-1",
        "localhost:7440x", "localhost: 7440", "256.0.0.1:1", "1.2.3:1", "::1:7440", "[::1]",
        "[127.0.0.1]:1", "[::g]:1", "a b:1", "unix:///x:1", "host_name:1"}) {
    EXPECT_FALSE(ParseAddress(text).has_value()) << text;
  }
}

TEST(Address, OnlyLoopbackIsLoopback) {
  for (const char* text : {"127.0.0.1:1", "127.255.0.9:1", "[::1]:1", "localhost:1"}) {
    EXPECT_TRUE(ParseAddress(text)->IsLoopback()) << text;
  }
  for (const char* text :
       {"0.0.0.0:1", "[::]:1", "128.0.0.1:1", "10.0.0.1:1", "localhost.example:1", "node1:1"}) {
    EXPECT_FALSE(ParseAddress(text)->IsLoopback()) << text;
  }
}

}  // namespace
}  // namespace spillgate::config
