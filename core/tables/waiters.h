// Who waits for what. A Request is one get or wait of one connection; a Waiter ties it to one
// record. Belongs to the task table's lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"
#include "core/base/ids.h"

namespace spillgate {

struct Record;
struct Request;
struct Waiter;

// A connection with requests that are not answered yet, and how much that is.
struct Asker {
  Request* requests = nullptr;
  std::size_t count = 0;    // of them
  std::size_t waiters = 0;  // attached to them
};

struct Request {
  ConnectionId connection = 0;
  Asker* asker = nullptr;
  std::uint32_t correlation = 0;
  std::uint32_t total = 0;  // ids asked for
  bool wait = false;  // a wait (one answer when `needed` are ready), else a get (one answer an id)
  std::uint32_t needed = 0;  // a wait: how many more must be ready
  std::uint32_t left = 0;    // waiters still attached
  Instant deadline = kNever;
  Waiter* waiters = nullptr;  // attached ones
  Request* next = nullptr;    // of the same connection
  Request* prev = nullptr;
};

struct Waiter {
  Request* request = nullptr;
  Record* record = nullptr;
  std::uint32_t index = 0;  // a get: which return; a wait: position in the list of ids
  Waiter* next_of_record = nullptr;
  Waiter* prev_of_record = nullptr;
  Waiter* next_of_request = nullptr;
  Waiter* prev_of_request = nullptr;
};

}  // namespace spillgate
